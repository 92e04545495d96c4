const MARGIN = 16;
const HEAD = 40;

/**
 * One picture of several, above each other, under what they are of: as a `data:` URL.
 * @param parts all of the same width, `scale` pixels for one
 */
export function savedPicture(
  title: string,
  detail: string,
  parts: readonly HTMLCanvasElement[],
  scale: number,
  style: CSSStyleDeclaration,
): string {
  const canvas = document.createElement("canvas");
  const width = Math.max(...parts.map((part) => part.width));
  canvas.width = width + 2 * MARGIN * scale;
  canvas.height = parts.reduce((sum, part) => sum + part.height, (HEAD + 2 * MARGIN) * scale);
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = style.getPropertyValue("--sheet");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "top";
  const write = (text: string, size: number, weight: number, colour: string, y: number) => {
    context.font = `${weight} ${size * scale}px ${style.fontFamily}`;
    context.fillStyle = style.getPropertyValue(colour);
    context.fillText(text, MARGIN * scale, y * scale, width);
  };
  write(title, 15, 650, "--ink", MARGIN);
  write(detail, 12, 400, "--ink-soft", MARGIN + 20);
  let y = (MARGIN + HEAD) * scale;
  for (const part of parts) {
    context.drawImage(part, MARGIN * scale, y);
    y += part.height;
  }
  return canvas.toDataURL("image/png");
}

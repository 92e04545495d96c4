/** SVG by hand: pictures that stand in Markdown, in light and dark pages, without a script or a font of their own. */

const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

const STYLE = `<style>
text { fill: #334155 } .faint { fill: #64748b } .line { stroke: #dc2626; stroke-dasharray: 4 3 } .axis { stroke: #94a3b8 }
.a { fill: #94a3b8 } .b { fill: #3b82f6 } .c { fill: #f59e0b } .cut { stroke: #ffffff; stroke-width: 0.7 }
@media (prefers-color-scheme: dark) { text { fill: #cbd5e1 } .faint { fill: #94a3b8 } .cut { stroke: #0f172a } }
</style>`;

export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}" ${FONT}>`;
  return `${head}\n<title>${title}</title>\n${STYLE}\n${parts.join("\n")}\n</svg>\n`;
}

export function text(x: number, y: number, words: string, more = ""): string {
  return `<text x="${round(x)}" y="${round(y)}" ${more}>${words.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
}

export function box(x: number, y: number, width: number, height: number, kind: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" class="${kind} cut"/>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${kind}"/>`;
}

/** A tenth of a pixel: the same on every machine. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}

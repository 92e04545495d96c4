/** Run inside the page: as texts, since what they use is there and not here. */

const CONTRAST = `
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = parts(colour).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
`;

/** Texts that stand out less than so from what is behind them. */
export function faintTexts(least: number): string {
  return `(() => {
    ${CONTRAST}
    const faint = new Set();
    for (const element of document.querySelectorAll("body *")) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
      if (!own || element.closest(".unseen") || element.getClientRects().length === 0) continue;
      const ratio = contrast(getComputedStyle(element).color, behind(element));
      if (ratio < ${least}) faint.add(element.tagName + " " + element.textContent.slice(0, 30) + " " + ratio);
    }
    return [...faint];
  })()`;
}

/** How much each line of the legends stands out. */
export const LEGEND_CONTRASTS = `(() => {
  ${CONTRAST}
  return [...document.querySelectorAll(".legend path")].map((path) =>
    contrast(getComputedStyle(path).stroke, behind(path.closest("ul"))));
})()`;

/** Of each chart, the colours and the lengths of its lines. */
export const CHART_LINES = `[...document.querySelectorAll("figure.chart")].map((chart) =>
  [...chart.querySelectorAll("path.line")].map((path) => ({
    colour: getComputedStyle(path).stroke,
    length: path.getTotalLength(),
  })))`;

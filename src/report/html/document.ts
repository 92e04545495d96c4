import { escaped } from "./escape.ts";
import { type FigureTable, tableHtml } from "./figure-table.ts";
import { STYLE } from "./style.ts";

/** The page loads nothing, and runs nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export interface DocumentFacts {
  readonly title: string;
  readonly heading: string;
  /** What came out, in a sentence. */
  readonly lead: string;
  /** What was asked or run, as pairs of a word and a text. */
  readonly identity: readonly (readonly [name: string, text: string])[];
  /** HTML; empty ones are left out. */
  readonly parts: readonly string[];
  /** HTML. */
  readonly footer: string;
}

/** One HTML file that needs no network. */
export function documentHtml({ title, heading, lead, identity, parts, footer }: DocumentFacts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escaped(title)}</title>
<style>
${STYLE}</style>
</head>
<body>
<header>
<h1><svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="9.5"/><path d="M1 16h30"/></svg>${escaped(heading)}</h1>
<p class="lead">${escaped(lead)}</p>
<dl>${identity.map(([name, text]) => `<div><dt>${escaped(name)}</dt><dd>${escaped(text)}</dd></div>`).join("")}</dl>
</header>
<main>
${parts.filter((part) => part !== "").join("\n")}
</main>
<footer><p>${footer}</p></footer>
</body>
</html>
`;
}

/** @param parts HTML; empty ones are left out */
export function section(title: string, parts: readonly string[]): string {
  const there = parts.filter((part) => part !== "");
  return `<section><h2>${escaped(title)}</h2>\n${there.join("\n")}\n</section>`;
}

export function panelHtml(table: FigureTable): string {
  return `<div class="panel"><h3>${escaped(table.caption)}</h3>${tableHtml(table)}</div>`;
}

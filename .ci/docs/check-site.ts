// Part of `npm run test:docs`: the built site asks no other host for anything, has every page, and every link in it leads to a
// page or a file of its own, to an anchor that is there.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { ROOT, pages } from "./markdown.ts";
import { sitePage } from "./more-pages.ts";

const SITE = join(ROOT, "dist/site");

/** What a browser loads by itself: scripts, styles, pictures, fonts. Links that people follow are none of it. */
const LOADED = [
  /<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?\/\/[^"]*/g,
  /<link\b[^>]*\bhref="(?:https?:)?\/\/[^"]*/g,
  /url\(["']?(?:https?:)?\/\/[^)]*/g,
  /@import ["'](?:https?:)?\/\/[^"']*/g,
];

const faults: string[] = [];
const names = readdirSync(SITE, { recursive: true }).map(String);
for (const name of names) {
  if (!/\.(?:html|css)$/.test(name)) continue;
  const text = readFileSync(join(SITE, name), "utf8");
  for (const [found] of LOADED.flatMap((pattern) => [...text.matchAll(pattern)]))
    faults.push(`${name}: ${found}`);
}
for (const path of pages()) {
  if (path === "README.md") continue;
  const page = `${sitePage(path)}.html`;
  if (!existsSync(join(SITE, page))) faults.push(`${page} is missing`);
}
for (const name of names.filter((one) => one.endsWith(".html"))) {
  const page = readFileSync(join(SITE, name), "utf8");
  for (const [, href] of page.matchAll(/<a\b[^>]*\bhref="([/#.][^"]*)"/g)) {
    const [target, anchor] = href.split("#", 2);
    const at = target === "" ? name : fileOf(posix.join("/", posix.dirname(name), target), target);
    const isThere = at !== null && (anchor === undefined || hasAnchor(at, decodeURIComponent(anchor)));
    if (!isThere) faults.push(`${name}: ${href} leads nowhere`);
  }
}

/** The site's file behind a path. @param target as it is written: from the site's root, or beside the page */
function fileOf(beside: string, target: string): string | null {
  const path = (target.startsWith("/") ? target : beside).replace(/\/$/, "/index.html");
  const found = [path, `${path}.html`].find((one) => existsSync(join(SITE, one)));
  return found ?? null;
}

function hasAnchor(file: string, anchor: string): boolean {
  return anchor === "" || readFileSync(join(SITE, file), "utf8").includes(`id="${anchor}"`);
}

for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(
  faults.length === 0 ? "the site has every page, no dead link, and asks no other host\n" : "",
);
process.exitCode = faults.length === 0 ? 0 : 1;

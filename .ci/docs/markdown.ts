import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { slug } from "./slug.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The pages that people read, by their paths from the checkout's folder. */
export function pages(): string[] {
  const docs = readdirSync(`${ROOT}docs`).filter((name) => name.endsWith(".md"));
  return [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy/engines/README.md",
    ...docs.map((name) => `docs/${name}`),
  ];
}

export function pageText(path: string): string {
  return readFileSync(ROOT + path, "utf8");
}

/** A block of code: what stands behind its fence, and its text. */
export interface Fence {
  readonly info: string;
  readonly code: string;
}

const FENCE = /^( *)```([^\n]*)\n(.*?)^\1```/gms;

export function fences(page: string): Fence[] {
  return [...page.matchAll(FENCE)].map(([, , info, code]) => ({ info: info.trim(), code }));
}

/** What stands in single backticks, outside of blocks. */
export function spans(page: string): string[] {
  return [...page.replaceAll(FENCE, "").matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);
}

/** Where links lead, and pictures come from. */
export function links(page: string): string[] {
  const prose = page.replaceAll(FENCE, "").replaceAll(/`[^`\n]+`/g, "code");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
}

/** The anchors of its headings. */
export function anchors(page: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading] of page.replaceAll(FENCE, "").matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = slug(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, ""));
    let unique = anchor;
    for (let i = 1; found.has(unique); i++) unique = `${anchor}-${i}`;
    found.add(unique);
  }
  return found;
}

import { posix } from "node:path";
import { pageText } from "./markdown.ts";

/** Pages that are not in docs/ and that the site has too: where they are, and what they are called there. */
const MORE: ReadonlyMap<string, string> = new Map([
  ["deploy/engines/README.md", "plug-ins"],
  ["ARCHITECTURE.md", "architecture"],
  ["CONTRIBUTING.md", "contributing"],
  ["SECURITY.md", "security"],
  ["CHANGELOG.md", "changelog"],
]);

/** Where the site has a file of the checkout as a page; null where it does not. */
export function sitePage(path: string): string | null {
  const more = MORE.get(path);
  if (more !== undefined) return `/more/${more}`;
  const page = /^docs\/([\w-]+)\.md$/.exec(path);
  return page === null ? null : `/${page[1]}`;
}

/** What they hold, with links as the site has them; those to other files begin with `../`, as seen from docs/. */
export function morePages(): { readonly params: { readonly page: string }; readonly content: string }[] {
  return [...MORE].map(([path, page]) => {
    const content = pageText(path).replaceAll(/\]\(([^)\s]+)\)/g, (whole, link: string) => {
      if (/^(?:[a-z]+:|#)/.test(link)) return whole;
      const [target, anchor] = link.split("#", 2);
      const at = posix.join(posix.dirname(path), target);
      return `](${sitePage(at) ?? `../${at}`}${anchor === undefined ? "" : `#${anchor}`})`;
    });
    return { params: { page }, content };
  });
}

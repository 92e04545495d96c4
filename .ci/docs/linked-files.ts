import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { sitePage } from "./more-pages.ts";

/**
 * What pages link to beside pages: files and folders of the checkout. A site has no checkout, so each stands beside its
 * pages as text, a folder as its files one after the other.
 */
export class LinkedFiles {
  readonly #root: string;
  readonly #paths = new Set<string>();

  /** @param root the checkout's folder */
  constructor(root: string) {
    this.#root = root;
  }

  /** Where the site has what a page of `docs/` links to as `../path`; null for what is linked otherwise. */
  hrefOf(href: string): string | null {
    const [target, anchor] = href.split("#", 2);
    if (!target.startsWith("../")) return null;
    const path = posix.normalize(posix.join("docs", target)).replace(/\/$/, "");
    const page = sitePage(path);
    if (page !== null) return anchor === undefined ? page : `${page}#${anchor}`;
    this.#paths.add(path);
    return `/files/${path}.txt`;
  }

  /** @param folder of the built site */
  write(folder: string): void {
    for (const path of this.#paths) {
      const file = join(folder, "files", `${path}.txt`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, this.#textOf(path));
    }
  }

  #textOf(path: string): string {
    const at = join(this.#root, path);
    if (!statSync(at).isDirectory()) return readFileSync(at, "utf8");
    const names = readdirSync(at, { recursive: true }).map(String).toSorted();
    const files = names.filter((name) => statSync(join(at, name)).isFile());
    return files.map((name) => `==> ${path}/${name}\n\n${readFileSync(join(at, name), "utf8")}`).join("\n");
  }
}

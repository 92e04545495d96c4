import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { madeFiles } from "../../.ci/docs/made-files.ts";
import { ROOT, anchors, fences, links, pageText, pages, spans } from "../../.ci/docs/markdown.ts";
import { sitePage } from "../../.ci/docs/more-pages.ts";
import { shellCommands } from "../../.ci/docs/shell-commands.ts";
import { sidebar } from "../../docs/.vitepress/sidebar.ts";
import manifest from "../../package.json" with { type: "json" };
import { program } from "../../src/cli/program.ts";

const all = pages().map((path) => ({ path, page: pageText(path) }));

test("what is made of the code is as the code makes it", async () => {
  for (const [path, text] of await madeFiles())
    expect(readFileSync(ROOT + path, "utf8"), `${path}: run node .ci/docs/generate.ts`).toBe(text);
});

test("every link of every page leads somewhere, to its anchor", () => {
  const dead = all.flatMap(({ path, page }) =>
    links(page)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [target, anchor] = link.split("#", 2);
        const at = target === "" ? path : posix.join(posix.dirname(path), target);
        if (!existsSync(ROOT + at)) return true;
        return anchor !== undefined && at.endsWith(".md") && !anchors(pageText(at)).has(anchor);
      })
      .map((link) => `${path}: ${link}`),
  );
  expect(dead).toEqual([]);
});

test("the site's sidebar has every page once", () => {
  const listed = sidebar.flatMap(({ items }) => items.map(({ link }) => link));
  const there = pages()
    .filter((path) => path !== "README.md" && path !== "docs/index.md")
    .map((path) => sitePage(path) ?? path);
  expect(listed.toSorted()).toEqual(there.toSorted());
});

test("every command that a page shows is one, with these options and values", async () => {
  const root = await program(undefined);
  const wrong = all.flatMap(({ path, page }) =>
    fences(page)
      .filter(({ info }) => /^(sh\b.*)?$/.test(info))
      .flatMap(({ code }) => shellCommands(code))
      .map((words) => plimsollArguments(words))
      .filter((given) => given !== null)
      .map((given) => [`${path}: ${given.join(" ")}`, fault(root, given, true)])
      .filter(([, why]) => why !== null),
  );
  expect(wrong).toEqual([]);
});

test("every command and option that a sentence names is one", async () => {
  const root = await program(undefined);
  const wrong = all.flatMap(({ path, page }) =>
    spans(page)
      .map((code) => plimsollArguments(code.split(/\s+/)))
      .filter((given) => given !== null)
      .map((given) => [`${path}: ${given.join(" ")}`, fault(root, given, false)])
      .filter(([, why]) => why !== null),
  );
  expect(wrong).toEqual([]);
});

test("every script that a page names is one", () => {
  const named = all.flatMap(({ page }) =>
    [...page.matchAll(/\bnpm run (?:-s |--silent )?([a-z][\w:-]*)/g)].map(([, name]) => name),
  );
  // `npm run bench:*` and the like stand for several.
  const unknown = named.filter((name) => !name.endsWith(":") && !(name in manifest.scripts));
  expect(unknown).toEqual([]);
});

/** What follows the program's name; null for another program, and where a word stands for any command. */
function plimsollArguments(words: readonly string[]): readonly string[] | null {
  const line = words.join(" ");
  const own =
    /^(?:\w+=\S+ )*(?:npx )?plimsoll /.exec(line) ?? /^npm (?:run -s plimsoll|-s start|start) -- /.exec(line);
  if (own === null) return null;
  const start = /npm (?:-s )?start/.test(own[0]) ? ["demo"] : [];
  const given = [...start, ...words.slice(own[0].trim().split(" ").length)];
  return /^[A-Z…]/.test(given[0]) ? null : given;
}

/** Why a command line cannot be one; null where it can. @param values whether values are those that are meant */
function fault(root: Command, given: readonly string[], values: boolean): string | null {
  let command = root;
  let rest = [...given];
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest = rest.slice(1);
  }
  if (command === root) return /^--(version|help)$/.test(rest[0]) ? null : "is no command";
  const options = [...command.options, ...(command.parent?.options ?? [])];
  const known = new Set(options.map(({ long }) => long));
  for (const word of rest.filter((one) => one.startsWith("--")))
    if (!known.has(word.split("=", 1)[0]) && word !== "--help") return `has no option ${word}`;
  if (!values || rest.some((word) => word.includes("…"))) return null;
  try {
    command.parseOptions(rest);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

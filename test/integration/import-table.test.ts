import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coreFlow, importTable, type Row } from "../../.ci/import-table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "test/lint");

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

/** Every plant by the path it stands for: stored as `.txt` so that no other tool trips over it. */
const plants = new Map(
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".txt"))
    .map((file) => [file.slice(0, -".txt".length), readFileSync(join(folder, file), "utf8")]),
);

/** `file:line rule`, as a plant's own comments announce it. */
const announced = [...plants].flatMap(([file, text]) =>
  text.split("\n").flatMap((line, index) => {
    const rule = /\/\/ breaks (\S+)$/.exec(line)?.[1];
    return rule === undefined ? [] : [`${file}:${index + 1} ${rule}`];
  }),
);

/** `file:line rule`, as oxlint reports it. */
function reported(tree: string): string[] {
  const oxlint = join(root, "node_modules/oxlint/bin/oxlint");
  const config = join(root, ".ci/oxlint.config.ts");
  const { stdout } = spawnSync(process.execPath, [oxlint, "-c", config, "-f", "json"], {
    cwd: tree,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
  return diagnostics.map(({ code, filename, labels }) => `${filename}:${labels[0]?.span.line} ${code}`);
}

describe("the import table", () => {
  let tree: string;

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), "plimsoll-plants-"));
    for (const [file, text] of plants) {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), text);
    }
  });

  afterAll(() => rmSync(tree, { recursive: true }));

  it("fails on every planted violation and on nothing beside it", () => {
    const rules = new Set(announced.map((line) => line.split(" ")[1]));
    const found = reported(tree).filter((line) => rules.has(line.split(" ")[1]));
    expect(found.toSorted()).toEqual(announced.toSorted());
  });

  it("has a planted violation for every row", () => {
    const planted = announced.filter((line) => line.endsWith("plimsoll(import-table)"));
    const unplanted = new Set(importTable.map(unitName)).values().filter((name) => {
      const prefix = `src/${name}`;
      return !planted.some((line) => line.startsWith(`${prefix}/`) || line.startsWith(`${prefix}:`));
    });
    expect([...unplanted]).toEqual([]);
  });

  it("stands in ARCHITECTURE.md as the lint rule holds it", () => {
    expect(readFileSync(join(root, "ARCHITECTURE.md"), "utf8")).toContain(markdown());
  });
});

/** A row's folder as one would name it: without a `*`, and core/ as one. */
function unitName(row: Row): string {
  return row.unit.startsWith("core/") ? "core" : row.unit.replace("/*", "");
}

function markdown(): string {
  const [firstOfCore] = coreFlow.map((step) => `core/${step}`);
  const rows = importTable.filter((row) => !row.unit.startsWith("core/") || row.unit === firstOfCore);
  return rows
    .map((row) => {
      const imports = row.imports.map((name) => (name === "src" ? "everything" : name));
      if (row.unit === firstOfCore) imports.push(`the steps of core before it (${coreFlow.join(", ")})`);
      const cells = [unitName(row), imports.join(", "), row.packages.join(", "), row.pure ? "pure" : ""];
      return `| ${cells.map((cell) => cell || "–").join(" | ")} |\n`;
    })
    .join("");
}

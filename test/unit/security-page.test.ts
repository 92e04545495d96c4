import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificateAuthority } from "../../harness/certificates.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { loadConfig } from "../../src/config/load-config.ts";

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(file("SECURITY.md"), "utf8");

/** The cells of the rows of threats. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| what an attacker wants"))
  .map((line) =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

test("every threat has what stops it, and tests that are there", () => {
  expect(rows.length).toBeGreaterThan(20);
  for (const [wants, stops, tests, ...more] of rows) {
    expect([wants, more]).toEqual([wants, []]);
    expect([wants, stops.length > 20]).toEqual([wants, true]);
    const links = [...tests.matchAll(/\[([\w-]+)\]\(([^)]+)\)/g)];
    expect([wants, links.length > 0]).toEqual([wants, true]);
    for (const [, name, path] of links) {
      expect(path).toMatch(new RegExp(`^test/\\w+/${name}\\.test\\.ts$`));
      expect([path, existsSync(file(path))]).toEqual([path, true]);
      expect([path, /^\s*(?:test|it)\b/m.test(readFileSync(file(path), "utf8"))]).toEqual([path, true]);
    }
  }
});

describe("docs/access.md", () => {
  let folder: ScratchFolder;
  beforeAll(async () => {
    folder = await scratchFolder();
    await folder.write("keys.yaml", "");
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  const blocks = [...readFileSync(file("docs/access.md"), "utf8").matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, text]) => text)
    .filter((text) => !text.includes("scrape_configs"));

  test.each(blocks.map((text) => [text.split("\n")[1].trim(), text]))(
    "%s: its example is a configuration",
    async (_, text) => {
      const ca = await certificateAuthority(folder, "ca");
      const { certFile, keyFile } = await ca.issue("own");
      const written = text
        .replaceAll(/tls\/[\w-]+-ca\.pem/g, ca.caFile)
        .replaceAll(/tls\/\w+\.pem/g, certFile)
        .replaceAll(/tls\/\w+\.key/g, keyFile);
      const pools = text.includes("pools:\n")
        ? ""
        : 'pools: [{ name: chat, kind: openai, models: [m], urls: ["http://a"] }]\n';
      expect(parseDocument(written).errors).toEqual([]);
      const config = await loadConfig(await folder.write("gateway.yaml", written + pools), {
        PLIMSOLL_KEY: "key",
      });
      expect(config.notes).toEqual([]);
    },
  );
});

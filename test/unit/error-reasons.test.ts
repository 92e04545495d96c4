import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { REASONS } from "../../src/http/errors.ts";

test("docs/errors.md has every reason with its status, and no other", async () => {
  const page = await readFile(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, reason, status]) => [
    reason,
    Number(status),
  ]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(REASONS).map(([reason, [status]]) => [reason, status])),
  );
});

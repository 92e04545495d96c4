import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ENTRY_MODULES, entryFile, packageFile } from "../../src/files/package-files.ts";

const sources = readdirSync(packageFile("src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(packageFile(join("src", name)), "utf8"));

test("every module that runs by itself is there, and is started somewhere", () => {
  const started = sources.flatMap((text) =>
    [...text.matchAll(/\bentryFile\("([^"]+)"\)/g)].map(([, name]) => name),
  );
  expect([...new Set(started)].toSorted()).toEqual(ENTRY_MODULES.toSorted());
  expect(ENTRY_MODULES.filter((name) => !existsSync(entryFile(name)))).toEqual([]);
});

test("what comes with the program is there, and the package has it", () => {
  const named = sources.flatMap((text) =>
    [...text.matchAll(/\bpackageFile\(["`]([^"`$]+)/g)].map(([, path]) => path),
  );
  expect(named.length).toBeGreaterThan(5);
  // dist/ is made by builds.
  const missing = named.filter((path) => !path.startsWith("dist/") && !existsSync(packageFile(path)));
  expect(missing).toEqual([]);
  const packed = ["package.json", ...manifest.files].map(
    (path) => /^[^*]*(?=\*)/.exec(path)?.[0] ?? `${path}/`,
  );
  const left = named.filter((path) => !packed.some((start) => `${path}/`.startsWith(start)));
  // The compiled code of a checkout is the checkout's own.
  expect(left).toEqual(["dist/compile-cache"]);
});

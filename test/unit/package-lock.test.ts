import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface LockedPackage {
  readonly optionalDependencies?: Record<string, string>;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const { packages } = JSON.parse(
  readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"),
) as Lock;

// npm leaves them out where it cannot reach them, and `npm ci` then refuses the file on every machine.
it("the lock file has an entry for every optional package of every platform", () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});

// Without one, npm takes whatever the registry has.
it("the lock file has a hash of every package", () => {
  const bare = Object.entries(packages).filter(
    ([path, { integrity }]) => path !== "" && integrity === undefined,
  );
  expect(bare.map(([path]) => path)).toEqual([]);
});

/** Those that docs/installing.md names. */
const LICENSES = new Set(["MIT", "ISC", "Apache-2.0", "BSD-3-Clause", "BlueOak-1.0.0"]);

it("whoever installs the package gets permissive licences only", () => {
  const other = Object.entries(packages).filter(
    ([path, { dev = false, devOptional = false, license = "none" }]) =>
      path !== "" && !dev && !devOptional && !LICENSES.has(license),
  );
  expect(other.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
});

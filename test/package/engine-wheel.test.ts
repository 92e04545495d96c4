import { execFile, spawnSync } from "node:child_process";
import { cp, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

const PLUGINS = fileURLToPath(new URL("../../deploy/engines", import.meta.url));
const execute = promisify(execFile);
/** Debian has what makes environments in a package of its own. */
const hasVenv = spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0;
const WHY_NOT = "python3 with venv and ensurepip is not installed (Debian: python3-venv)";

/** What engines do with an installed plug-in: find its entry points, and call them in each process. */
const USED = `
import importlib.metadata, json
found = {}
for group in ("vllm.general_plugins", "sglang.srt.plugins"):
    for entry in importlib.metadata.entry_points(group=group):
        entry.load()()
        found[group] = entry.value
distribution = importlib.metadata.distribution("plimsoll-eplb")
print(json.dumps({
    "found": found,
    "version": distribution.version,
    "requires": distribution.requires or [],
    "license": distribution.metadata["License-Expression"] or distribution.metadata["License"],
    "files": [str(path) for path in distribution.files],
}))
`;

let folder: ScratchFolder;
let wheel: string;
beforeAll(async () => {
  folder = await scratchFolder();
  if (!hasVenv) return;
  // What is built in a folder leaves things there.
  await cp(PLUGINS, folder.path("source"), { recursive: true });
  await execute("python3", ["-m", "venv", folder.path("builder")]);
  await pip("builder", "wheel", "--no-deps", "--wheel-dir", folder.path("wheels"), folder.path("source"));
  [wheel] = await readdir(folder.path("wheels"));
});
afterAll(() => folder[Symbol.asyncDispose]());

function pip(environment: string, ...words: readonly string[]) {
  const flags = ["--quiet", "--disable-pip-version-check"];
  return execute(folder.path(`${environment}/bin/python`), ["-m", "pip", ...words, ...flags]);
}

test("the plug-ins are one wheel for every Python and every machine, of the package's version", ({
  skip,
}) => {
  if (!hasVenv) skip(WHY_NOT);
  expect(wheel).toBe(`plimsoll_eplb-${manifest.version}-py3-none-any.whl`);
});

test("pip install plimsoll-eplb brings all of them, and nothing else; engines find them, and are left as they are without a gateway", async ({
  skip,
}) => {
  if (!hasVenv) skip(WHY_NOT);
  await execute("python3", ["-m", "venv", folder.path("engine")]);
  await pip("engine", "install", "--no-index", "--find-links", folder.path("wheels"), "plimsoll-eplb");
  const { stdout } = await execute(folder.path("engine/bin/python"), ["-c", USED], {
    cwd: folder.path("engine"),
    env: {},
  });
  const { found, version, requires, license, files } = JSON.parse(stdout);
  expect(found).toEqual({
    "vllm.general_plugins": "plimsoll_eplb.vllm:register",
    "sglang.srt.plugins": "plimsoll_eplb.sglang:register",
  });
  expect({ version, requires, license }).toEqual({
    version: manifest.version,
    requires: [],
    license: manifest.license,
  });
  const sources = (await readdir(`${PLUGINS}/plimsoll_eplb`)).filter((name) => name.endsWith(".py"));
  const modules = (files as readonly string[]).filter((path) => /^plimsoll_eplb\/.*\.py$/.test(path));
  expect(modules.toSorted()).toEqual(sources.map((name) => `plimsoll_eplb/${name}`).toSorted());
});

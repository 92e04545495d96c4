import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../../src/config/load-config.ts";
import { loadReplayScenario } from "../../../src/config/replay-scenario/load-scenario.ts";
import { loadScenario } from "../../../src/config/scenario.ts";
import { loadModel } from "../../../src/config/shapes.ts";
import { loadTopology } from "../../../src/config/topologies.ts";
import { readYamlFile } from "../../../src/config/yaml-file.ts";
import { readServerList } from "../../../src/discovery/server-list.ts";
import type { FuzzedParser } from "../parser.ts";

const ROOT = new URL("../../../", import.meta.url);
const YAML = [
  "*a",
  "&a ",
  "? ",
  "- ",
  ": ",
  "<<: ",
  "!!binary ",
  "|\n",
  ">-\n",
  "---\n",
  "...",
  "%YAML 1.2\n",
  "\t",
  "  ",
  "0x",
  "~",
  "{}",
  "[]",
];
const NAMES = [
  "pools:",
  "name:",
  "kind:",
  "urls:",
  "models:",
  "experts:",
  "http:",
  "control:",
  "discover:",
  "http://127.0.0.1:1",
];

/** Without the one that needs a cluster around it. */
const EXAMPLES = filesOf("config/examples/", /^(?!kubernetes).*\.yaml$/);
const ENVIRONMENT = { ENGINE_API_KEY: "k", PLIMSOLL_KEY: "k" };

/** A file is written, found and opened for each, and YAML is slow to read. */
const WEIGHT = 0.125;

let folder = "";

/** Readers of settings take a path: the one place where each input is written first. */
export const SETTINGS_PARSERS: readonly FuzzedParser[] = [
  ofPath("config", EXAMPLES, [...YAML, ...NAMES], (path) => loadConfig(path, ENVIRONMENT)),
  ofPath("yaml", EXAMPLES.slice(0, 3), YAML, async (path) => (await readYamlFile(path)).value),
  ofPath("model", filesOf("config/models/").slice(0, 4), YAML, (path) => loadModel(path)),
  ofPath("topology", [Buffer.from("nodes: 2\ngpusPerNode: 4\nslotsPerGpu: 10\n")], YAML, (path) =>
    loadTopology(path, 32, { sourceOf: () => path, field: [] }),
  ),
  ofPath("load-scenario", filesOf("loadtest/scenarios/", /hot-tenant|slow-engine|rank-loss/), YAML, (path) =>
    loadReplayScenario(path, true),
  ),
  ofPath("scenario", filesOf("loadtest/scenarios/", /apart|demo/), YAML, (path) => loadScenario(path)),
  ofPath(
    "server-list",
    [Buffer.from("- http://10.0.0.1:8000\n- {url: http://10.0.0.2:8000, name: b, role: decode}\n")],
    YAML,
    async (path) => {
      const { value, sourceOf } = await readYamlFile(path);
      return readServerList(value, "decode", { sourceOf, field: [] });
    },
  ),
];

function ofPath(
  name: string,
  files: readonly Buffer[],
  tokens: readonly string[],
  read: (path: string) => Promise<unknown>,
): FuzzedParser {
  return {
    name,
    files,
    tokens,
    weight: WEIGHT,
    // Defaults are laid below what is written.
    valuesPerByte: Number.POSITIVE_INFINITY,
    read: (bytes) => {
      const path = join(scratch(), `${name}.yaml`);
      writeFileSync(path, bytes);
      return read(path);
    },
  };
}

function scratch(): string {
  if (folder !== "") return folder;
  folder = mkdtempSync(join(tmpdir(), "plimsoll-fuzz-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function filesOf(path: string, names = /\.yaml$/): Buffer[] {
  const from = new URL(path, ROOT);
  return readdirSync(from)
    .filter((name) => names.test(name))
    .map((name) => readFileSync(new URL(name, from)));
}

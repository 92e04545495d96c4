import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = "deploy/kubernetes";
const VALUES = "test/golden/kubernetes/complete.yaml";

type Command = readonly [program: string, ...words: string[]];

/** What makes manifests of what is in a folder of `deploy/kubernetes`. */
interface Rendering {
  readonly sources: "helm" | "kustomize";
  /** Any of these: they make the same. */
  readonly commands: readonly Command[];
}

const kustomized = (folder: string): Rendering => ({
  sources: "kustomize",
  commands: [
    ["kustomize", "build", `${FOLDER}/kustomize/${folder}`],
    ["kubectl", "kustomize", `${FOLDER}/kustomize/${folder}`],
  ],
});
const charted = (...words: string[]): Rendering => ({
  sources: "helm",
  commands: [["helm", "template", "plimsoll", `${FOLDER}/helm`, "--namespace", "gateways", ...words]],
});

/** By the name of its golden file: what `test/golden/kubernetes/render.ts` writes there. */
export const RENDERINGS: Readonly<Record<string, Rendering>> = {
  "kustomize-base": kustomized("base"),
  "kustomize-complete": kustomized("complete"),
  "helm-default": charted(),
  "helm-complete": charted("--values", VALUES),
};

/** Manifests, by whichever of its commands is installed; null where none is. @throws Error when it fails */
export function rendered({ commands }: Rendering): string | null {
  for (const [program, ...words] of commands) {
    const { error, status, stdout, stderr } = spawnSync(program, words, { cwd: ROOT, encoding: "utf8" });
    if (error !== undefined) continue;
    if (status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${status}: ${stderr}`);
    return stdout;
  }
  return null;
}

/** The first line of a golden file: it is of these very sources. */
export function renderedOf({ sources }: Rendering): string {
  const hash = createHash("sha256");
  const folder = `${ROOT}${FOLDER}/${sources}`;
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath}/${name}`);
  for (const path of [...names.toSorted(), `${ROOT}${VALUES}`])
    hash.update(`${path.slice(ROOT.length)}\n`).update(readFileSync(path));
  return `# Of ${FOLDER}/${sources}, ${hash.digest("hex").slice(0, 16)}: node test/golden/kubernetes/render.ts`;
}

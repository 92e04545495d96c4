import { writeFileSync } from "node:fs";
import { rendered, renderedOf, RENDERINGS } from "../../rendered-manifests.ts";

// Needs helm, and kustomize or kubectl, on the PATH.
for (const [name, rendering] of Object.entries(RENDERINGS)) {
  const manifests = rendered(rendering);
  if (manifests === null) throw new Error(`${rendering.commands[0][0]} is not installed`);
  const path = new URL(`${name}.rendered.yaml`, import.meta.url);
  writeFileSync(path, `${renderedOf(rendering)}\n${manifests}`);
}

import { stringify } from "yaml";
import type { Manifest } from "../../plans/kubernetes/manifest.ts";

/** A manifest as YAML: first what is to be filled in, then every document below a line that says what it is. */
export function manifestText({ head, documents }: Manifest): string {
  const comment = (lines: readonly string[]) => lines.map((line) => `# ${line}`.trimEnd()).join("\n");
  const parts = documents.map(({ title, body }) => {
    // Each place has its own text: an editor changes one of them at a time.
    return `---\n${comment([title])}\n${stringify(body, { aliasDuplicateObjects: false, lineWidth: 0 })}`;
  });
  return `${comment(head)}\n${parts.join("")}`;
}

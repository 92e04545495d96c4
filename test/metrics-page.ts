import { readFile } from "node:fs/promises";

/** A metric as docs/metrics.md has it. */
export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** The rows of the page's tables: name, type, labels and what it means. */
export async function documentedMetrics(): Promise<readonly DocumentedMetric[]> {
  const page = await readFile(new URL("../docs/metrics.md", import.meta.url), "utf8");
  const rows = page.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\| [^|]+ \|$/gm);
  return Array.from(rows, ([, name, type, labels]) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
  }));
}

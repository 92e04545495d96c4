import { readFile } from "node:fs/promises";

type Kind = "counter" | "gauge" | "histogram";

/** Metrics of an engine with the same labels, as its own documentation and source have them. */
export interface EngineMetrics {
  readonly source: string;
  readonly labels: readonly string[];
  readonly metrics: Readonly<Record<string, Kind>>;
}

export async function engineMetrics(): Promise<Readonly<Record<string, EngineMetrics>>> {
  const golden = new URL("golden/engine-metrics.json", import.meta.url);
  return JSON.parse(await readFile(golden, "utf8")) as Record<string, EngineMetrics>;
}

/** A scrape of them. @param values of all labels, for each set of series */
export function engineText(
  { metrics }: EngineMetrics,
  values: readonly Readonly<Record<string, string>>[],
): string {
  const lines: string[] = [];
  for (const [name, kind] of Object.entries(metrics)) {
    const family = kind === "counter" ? name.replace(/_total$/, "") : name;
    lines.push(`# HELP ${family} .`, `# TYPE ${family} ${kind}`);
    for (const labels of values) {
      const series = (suffix: string, value: number, more: Readonly<Record<string, string>> = {}) => {
        const pairs = Object.entries({ ...labels, ...more }).map(([label, text]) => `${label}="${text}"`);
        lines.push(`${name}${suffix}{${pairs.join(",")}} ${value}`);
      };
      if (kind === "histogram") {
        for (const le of ["0.1", "1.0", "+Inf"]) series("_bucket", 3, { le });
        series("_sum", 0.1);
        series("_count", 3);
      } else series("", 0.5);
    }
  }
  return `${lines.join("\n")}\n`;
}

import type { Exemplars } from "./exemplars.ts";

/**
 * Prometheus' text as OpenMetrics has it: counters' families are named without `_total`, buckets have exemplars, and the
 * end is said.
 */
export function openMetricsText(text: string, exemplars: Exemplars): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name));
  const lines = text.split("\n").filter((line) => line !== "");
  return `${lines.map((line) => openMetricsLine(line, counters, exemplars)).join("\n")}\n# EOF\n`;
}

function openMetricsLine(line: string, counters: ReadonlySet<string>, exemplars: Exemplars): string {
  const [, keyword, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
  if (keyword !== undefined) {
    if (!counters.has(name)) return line;
    return `# ${keyword} ${name.replace(/_total$/, "")}${line.slice(keyword.length + name.length + 3)}`;
  }
  const end = line.indexOf("} ");
  return end < 0 ? line : line + exemplars.of(line.slice(0, end + 1));
}

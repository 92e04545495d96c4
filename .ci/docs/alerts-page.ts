import { readFileSync } from "node:fs";
import { parse } from "yaml";

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

interface Rules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[];
}

const HEAD = `# Every alert, and what to do

What is in [deploy/prometheus/rules](../deploy/prometheus/rules/plimsoll.yml), which \`node .ci/docs/generate.ts\` writes this page from. [Metrics](metrics.md#alerts) has them in one table; \`promtool test rules\` fires each with made-up series. What stands as \`POOL\` and the like here is the alert's own label.
`;

const GROUPS: Readonly<Record<string, string>> = {
  "plimsoll-traffic": "Requests",
  "plimsoll-balance": "Balance",
  "plimsoll-control": "Control",
};

/** What each alert says and wants done, as a page of Markdown. */
export function alertsPage(): string {
  const file = new URL("../../deploy/prometheus/rules/plimsoll.yml", import.meta.url);
  const { groups } = parse(readFileSync(file, "utf8")) as Rules;
  const parts = groups.map(
    ({ name, rules }) => `## ${GROUPS[name] ?? name}\n\n${rules.map(section).join("\n\n")}`,
  );
  return `${HEAD}\n${parts.join("\n\n")}\n`;
}

function section({ alert, expr, for: waits, labels, annotations }: Alert): string {
  const { description, runbook } = annotations;
  return [
    `### ${alert}`,
    `*${labels.severity}, after ${waits}.* ${plain(description)}`,
    `**What to do.** ${plain(runbook)}`,
    `\`\`\`promql\n${expr.trim()}\n\`\`\``,
  ].join("\n\n");
}

/** Labels as words; the value is what the expression says. */
function plain(text: string): string {
  const words = text
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => label.toUpperCase())
    .replaceAll(/\{\{ \$value \| humanizePercentage \}\}/g, "so many percent")
    .replaceAll(/\{\{ \$value \| humanizeDuration \}\}/g, "so long")
    .replaceAll(/\{\{ \$value \| humanize \}\}/g, "so many");
  return words.replace(/^./, (letter) => letter.toUpperCase());
}

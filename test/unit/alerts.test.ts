import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { HAS_PROMETHEUS } from "../../harness/fakes/prometheus-server.ts";
import { documentedMetrics } from "../metrics-page.ts";
import { namedInQuery } from "../promql.ts";

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly for: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

interface RuleTests {
  readonly tests: readonly {
    readonly input_series: readonly { readonly series: string }[];
    readonly promql_expr_test: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
  }[];
}

const RULES = "deploy/prometheus/rules/plimsoll.yml";
const TESTS = "test/golden/alerts.yml";
let alerts: Rules["groups"][number]["rules"];
let tests: RuleTests["tests"];
beforeAll(async () => {
  alerts = (parse(await textOf(RULES)) as Rules).groups.flatMap(({ rules }) => rules);
  ({ tests } = parse(await textOf(TESTS)) as RuleTests);
});

function textOf(path: string): Promise<string> {
  return readFile(new URL(`../../${path}`, import.meta.url), "utf8");
}

test("every alert waits, says how grave it is, what is so and what to do, and asks for metrics that there are", async () => {
  const documented = new Set((await documentedMetrics()).map(({ name }) => name)).add("up");
  for (const { alert, expr, for: waits, labels, annotations } of alerts) {
    expect(alert).toMatch(/^Plimsoll[A-Z]\w+$/);
    expect(waits).toMatch(/^\d+[sm]$/);
    expect(["critical", "warning"]).toContain(labels["severity"]);
    expect(Object.keys(annotations)).toEqual(["summary", "description", "runbook"]);
    for (const text of Object.values(annotations)) expect(text).toMatch(/^\S.{20,}\.$/);
    const { metrics } = namedInQuery(expr);
    expect([alert, [...metrics].filter((name) => !documented.has(name))]).toEqual([alert, []]);
  }
});

test("docs/metrics.md has every alert with its severity, and no other", async () => {
  const rows = (await textOf("docs/metrics.md")).matchAll(/^\| `(Plimsoll\w+)` \| (\w+) \| [^|]+ \|$/gm);
  expect(Array.from(rows, ([, name, severity]) => [name, severity])).toEqual(
    alerts.map(({ alert, labels }) => [alert, labels["severity"]]),
  );
});

test("every alert is made to fire, and has its series where nothing fires", () => {
  const [calm, ...others] = tests;
  expect(calm.promql_expr_test.flatMap(({ exp_samples }) => exp_samples)).toEqual([]);
  const nearly = calm.input_series.map(({ series }) => series).join("\n");
  const fired = others.flatMap(({ promql_expr_test }) => promql_expr_test.flatMap((one) => one.exp_samples));
  const firing = fired.map(({ labels }) => labels).join("\n");
  for (const { alert, expr } of alerts) {
    expect(firing).toContain(`alertname="${alert}"`);
    for (const metric of namedInQuery(expr).metrics) expect(nearly).toContain(`${metric}{`);
  }
});

test.skipIf(!HAS_PROMETHEUS).each([
  ["check", "rules", RULES],
  ["check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"],
  ["test", "rules", TESTS],
])("promtool %s %s (Debian's package prometheus)", (...words) => {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const { status, stdout, stderr } = spawnSync("promtool", words, { cwd, encoding: "utf8" });
  expect([status, stdout + stderr]).toEqual([0, expect.stringContaining("SUCCESS")]);
});

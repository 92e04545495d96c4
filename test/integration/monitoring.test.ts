import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  HAS_PROMETHEUS,
  type PrometheusServer,
  startPrometheus,
} from "../../harness/fakes/prometheus-server.ts";
import { type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { dashboards, queriesOf } from "../dashboards.ts";
import { type EngineMetrics, engineMetrics, engineText } from "../engine-metrics.ts";
import { documentedMetrics } from "../metrics-page.ts";
import { patiently } from "../patiently.ts";
import { namedInQuery } from "../promql.ts";

/** What Prometheus adds to what it scrapes, and what the shipped configuration does. */
const ADDED_LABELS = ["instance", "job", "pool", "shard", "ranks"];
const OWN = "ALERTS";
const VARIABLES = { $pool: "chat", $datasource: "prometheus", $__rate_interval: "1m" };

let folder: ScratchFolder;
let vllm: ServerAt;
let sglang: ServerAt;
let gateway: RunningGateway;
let engines: Readonly<Record<string, EngineMetrics>>;
beforeAll(async () => {
  folder = await scratchFolder();
  engines = await engineMetrics();
  const model = { model_name: "small" };
  const ranks = ["0", "1"];
  const vllmText = engineText(
    engines["vllm"],
    ranks.map((engine) => ({ ...model, engine })),
  );
  const ofRank = { ...model, engine_type: "unified", tp_rank: "0", pp_rank: "0" };
  const sglangText =
    engineText(engines["sglangRanks"], [ofRank]) + engineText(engines["sglangServers"], [model]);
  vllm = await engineAt(vllmText);
  // Some versions write the prefix so.
  sglang = await engineAt(sglangText.replaceAll("sglang:", "sglang_"));
  gateway = await startGateway(`
control: { sharesMs: 50, placementMs: 3600000, loadLine: 1.01 }
retry: { ratio: 0, minPerSecond: 0 }
pools:
  - name: chat
    kind: vllm
    models: [small]
    dataParallelSize: 2
    urls: [http://127.0.0.1:${vllm.port}]
    experts: ${await smallGroup(folder)}
  - { name: sgl, kind: sglang, models: [other], urls: ["http://127.0.0.1:${sglang.port}"] }
`);
  const published = async () => expect((await get("/ep/v1/placement/chat")).status).toBe(200);
  await vi.waitFor(published, patiently);
  await load(1000);
  const reported = async () => {
    const text = await metricsText();
    expect(text).toMatch(/^plimsoll_engine_rebalances_total\{/m);
    expect(text).toMatch(/^plimsoll_rank_peak_load_ratio\{/m);
  };
  await vi.waitFor(reported, patiently);
  expect((await post("/v1/completions", { model: "small" })).status).toBe(200);
  expect((await post("/v1/completions", { model: "nobody" })).status).toBe(404);
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([vllm, sglang].map((server) => server[Symbol.asyncDispose]()));
  await folder[Symbol.asyncDispose]();
});

function engineAt(metrics: string): Promise<ServerAt> {
  const answers: Record<string, [number, string]> = {
    "/metrics": [200, metrics],
    "/health": [200, ""],
    "/v1/chat/completions": [503, "{}"],
    "/v1/completions": [200, '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}'],
  };
  return serverAt("127.0.0.1", 0, ({ url = "" }, response) => {
    const [status, text] = answers[url] ?? [404, "{}"];
    response.writeHead(status, { "content-type": url === "/metrics" ? "text/plain" : "application/json" });
    response.end(text);
  });
}

/** One expert of each layer is hotter than the others. @param step of the engine, which has rebalanced three times */
async function load(step: number): Promise<void> {
  const row = Array.from({ length: SMALL_MODEL.experts }, (_, e) => (e === 0 ? 500 : 100));
  const taken = await post("/ep/v1/load", {
    pool: "chat",
    windowMs: 1000,
    logical_count: Array(SMALL_MOE_LAYERS).fill(row),
    engine: {
      name: "vllm 0.32.0",
      step,
      rebalances: 3,
      rebalanceEvery: 3000,
      dispatch: "even",
      balancedness: 0.5,
      ranks: [],
    },
  });
  expect(taken.status).toBe(202);
}

function get(path: string): Promise<Response> {
  return fetch(gateway.url + path);
}

function post(path: string, body: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(gateway.url + path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function metricsText(): Promise<string> {
  return await (await get("/metrics")).text();
}

/** Labels by series name, of what a scrape lists. */
function labelsOf(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [, name, pairs = ""] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const labels = found.get(name) ?? new Set();
    for (const [, label] of pairs.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) labels.add(label);
    found.set(name, labels);
  }
  return found;
}

test("docs/metrics.md has every metric of a gateway, with its type and labels, and no other", async () => {
  const documented = await documentedMetrics();
  const text = (await metricsText()) + (await (await get("/metrics/experts")).text());
  const types = new Map(
    Array.from(text.matchAll(/^# TYPE (\w+) (\w+)$/gm), ([, name, type]) => [name, type]),
  );
  const listed = new Map(documented.map(({ name, type }) => [name, type]));
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(types));
  expect(documented.length).toBe(listed.size);
  const series = labelsOf(text);
  for (const { name, type, labels } of documented) {
    const found = series.get(type === "histogram" ? `${name}_sum` : name);
    if (found !== undefined) expect([name, ...[...found].sort()]).toEqual([name, ...labels.toSorted()]);
  }
  // Of an endpoint picker, of sources of servers, of pools whose engines report hops, or the experts of their answers, and that have been rebalanced.
  const silent = documented.filter(
    ({ name, type }) => !series.has(type === "histogram" ? `${name}_sum` : name),
  );
  expect(silent.map(({ name }) => name)).toEqual([
    "plimsoll_pool_choices_total",
    "plimsoll_picks_total",
    "plimsoll_pick_seconds",
    "plimsoll_shadow_copies_total",
    "plimsoll_shadow_pairs_total",
    "plimsoll_shadow_first_byte_seconds_total",
    "plimsoll_shadow_answer_bytes_total",
    "plimsoll_shadow_answer_tokens_total",
    "plimsoll_locality_share_ratio",
    "plimsoll_locality_requests_total",
    "plimsoll_locality_sent_total",
    "plimsoll_locality_answers_total",
    "plimsoll_locality_step_experts",
    "plimsoll_locality_tpot_seconds_total",
    "plimsoll_locality_tpot_requests_total",
    "plimsoll_routed_experts_total",
    "plimsoll_hops_per_token",
    "plimsoll_node_hops_per_token",
    "plimsoll_rebalance_expected_gain_ratio",
    "plimsoll_rebalance_measured_gain_ratio",
    "plimsoll_discovery_readable",
    "plimsoll_discovery_servers",
    "plimsoll_discovery_changes_total",
  ]);
  expect(text).not.toMatch(/nobody/);
});

test("single experts are at a route of their own, one series for each and kind", async () => {
  const response = await get("/metrics/experts");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  const rows = SMALL_MOE_LAYERS * SMALL_MODEL.experts;
  for (const name of ["plimsoll_expert_load_ratio", "plimsoll_expert_replicas"])
    expect([name, text.match(new RegExp(`^${name}\\{`, "gm"))?.length]).toEqual([name, rows]);
  const first = SMALL_MODEL.layers - SMALL_MOE_LAYERS;
  expect(text).toContain(`plimsoll_expert_load_ratio{pool="chat",layer="${first}",expert="1"} 0.`);
  expect(await metricsText()).not.toContain('expert="');
});

test("dashboards ask for what a gateway and the engines have, by labels that these have", async () => {
  const known = labelsOf((await metricsText()) + (await (await get("/metrics/experts")).text()));
  for (const { name, type, labels } of await documentedMetrics())
    if (type !== "histogram") known.set(name, new Set(labels));
  for (const { metrics, labels } of Object.values(engines))
    for (const [name, type] of Object.entries(metrics)) {
      const names =
        type === "histogram" ? ["_bucket", "_sum", "_count"].map((suffix) => name + suffix) : [name];
      for (const one of names)
        known.set(one, new Set([...labels, ...(one.endsWith("_bucket") ? ["le"] : [])]));
    }
  known.set(OWN, new Set(["alertname", "alertstate", "severity"]));
  for (const dashboard of await dashboards())
    for (const { at, query } of queriesOf(dashboard, VARIABLES)) {
      const { metrics, labels } = namedInQuery(query);
      expect([at, [...metrics].filter((name) => !known.has(name))]).toEqual([at, []]);
      const had = new Set([...ADDED_LABELS, ...[...metrics].flatMap((name) => [...(known.get(name) ?? [])])]);
      expect([at, [...labels].filter((label) => !had.has(label))]).toEqual([at, []]);
    }
});

describe.skipIf(!HAS_PROMETHEUS)("by a real Prometheus (Debian's package prometheus)", () => {
  let prometheus: PrometheusServer;
  beforeAll(async () => {
    prometheus = await startPrometheus({
      gateways: `[{ targets: ["${new URL(gateway.url).host}"] }]`,
      experts: `[{ targets: ["${new URL(gateway.url).host}"] }]`,
      vllm: `[{ targets: ["127.0.0.1:${vllm.port}"], labels: { pool: chat, ranks: many } }]`,
      sglang: `[{ targets: ["127.0.0.1:${sglang.port}"], labels: { pool: sgl } }]`,
    });
    const scraped = async (times: number) => {
      const query = `count(count_over_time(up[1m]) >= ${times} and on (job) up == 1)`;
      const count = async () => expect((await prometheus.query(query))[0]?.value[1]).toBe("4");
      await vi.waitFor(count, patiently);
    };
    await scraped(1);
    // What only shows when it grows.
    expect((await post("/v1/completions", { model: "nobody" })).status).toBe(404);
    expect((await post("/v1/embeddings", { model: "small" })).status).toBe(404);
    // It would be sent again, to the other rank, if the retry budget allowed.
    expect((await post("/v1/chat/completions", { model: "small" })).status).toBe(503);
    await load(20_000);
    await post("/ep/v1/ranks", { pool: "chat", rank: 1, state: "lost" });
    await scraped(3);
  });
  afterAll(() => prometheus[Symbol.asyncDispose]());

  test("every query of every dashboard has an answer for the pools that are there", async () => {
    const silent: string[] = [];
    for (const dashboard of await dashboards())
      for (const { at, query } of queriesOf(dashboard, { ...VARIABLES, $pool: "chat|sgl" })) {
        const pools = query.includes('pool="chat|sgl"') ? query.replaceAll("chat|sgl", "chat") : query;
        // Alerts wait for minutes before they fire.
        if ((await prometheus.query(pools)).length === 0 && !at.endsWith("annotation Alerts"))
          silent.push(at);
      }
    const without = [
      // Nothing is wrong enough.
      "control-plane.json, Unreadable in the store, 0",
      // These engines report neither.
      "control-plane.json, Routed experts in answers, 0",
      "experts.json, Hops for a token and layer, 0",
      "experts.json, Hops for a token and layer, 1",
      // It has not been rebalanced.
      "experts.json, What the last placement gained, 0",
      "experts.json, What the last placement gained, 1",
    ];
    expect(silent.sort()).toEqual(without.sort());
  });

  test("the engines' ranks have the names of the gateway's shards", async () => {
    const shards = async (query: string) =>
      (await prometheus.query(query)).map(({ metric }) => metric["shard"]).sort();
    const own = await shards("max by (shard) (plimsoll_shard_ready)");
    expect(own).toHaveLength(3);
    const engine = 'max by (shard) ({__name__=~"vllm:num_requests_running|sglang:num_running_reqs"})';
    expect(await shards(engine)).toEqual(own);
  });

  test("what is wrong raises its alerts, which wait before they fire", async () => {
    const raised = async () => {
      const alerts = await prometheus.query("last_over_time(ALERTS[10m])");
      return [...new Set(alerts.map(({ metric }) => metric["alertname"]))].toSorted();
    };
    const wrong = [
      "PlimsollEplbStopped",
      "PlimsollErrors",
      "PlimsollExpertsMissing",
      "PlimsollImbalance",
      "PlimsollRankPastItsLine",
      "PlimsollRanksLost",
      "PlimsollRetryBudgetSpent",
    ];
    await expect.poll(raised, patiently).toEqual(expect.arrayContaining(wrong));
    // Loads are reported twice here, and get old where the test is slow.
    expect((await raised()).filter((name) => name !== "PlimsollNoLoads")).toEqual(wrong);
  });

  test("every rule is evaluated", async () => {
    const { groups } = (await prometheus.get("rules")) as {
      groups: { rules: { name: string; health: string; lastError?: string }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
  });
});

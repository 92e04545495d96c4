import type { Engine, LoadReport } from "../../serving/engine.ts";
import type { Ask, Dialect, RankNaming } from "../http/dialect.ts";
import { HttpEngine, type HttpEngineOptions } from "../http/http-engine.ts";
import { type LoadMetrics, loadsFromMetrics } from "../http/reported-metrics.ts";
import { withoutLoad } from "../http/load-reports.ts";
import { bootstrap } from "./bootstrap.ts";
import { type RankLoad, readLoads, readOldLoads } from "./loads.ts";

/** Listed with `--enable-metrics`. The prefix has been written both ways. */
const metrics: LoadMetrics = {
  path: "/metrics",
  rankLabel: "dp_rank",
  running: ["sglang:num_running_reqs", "sglang_num_running_reqs"],
  waiting: ["sglang:num_queue_reqs", "sglang_num_queue_reqs"],
  kvUse: ["sglang:token_usage", "sglang_token_usage"],
  capacity: ["sglang:max_total_num_tokens", "sglang_max_total_num_tokens"],
  kvCapacityTokens: (samples) => {
    const { capacity } = metrics;
    const tokens = samples.find(({ name }) => capacity.includes(name))?.value ?? 0;
    return tokens > 0 ? tokens : null;
  },
};

/**
 * `/generate` reads the body alone, by the second name up to SGLang 0.5.9, by the first from 0.5.15 on; chats and
 * completions read both as of 0.5.7, responses as of 0.5.20. Embeddings and their like read neither. A name that a
 * version does not know is ignored. (`managers/io_struct.py`, `entrypoints/openai/serving_base.py`.)
 */
const rankNaming: RankNaming = {
  header: "x-data-parallel-rank",
  fields: ["routed_dp_rank", "data_parallel_rank"],
  reads: (path) => READ_RANKS.test(path),
};
const READ_RANKS = /^\/(?:generate|v1\/(?:chat\/completions|completions|responses|messages))(?:\?|$)/;

const sglang: Dialect = {
  name: "SGLang",
  ranks: rankNaming,
  orca: false,
  routedExperts: "asked",
  reportsDeath: null,
  adapterMark: ":",
  takesAnswerId: true,
  loads,
};

export interface SglangEngineOptions extends HttpEngineOptions {
  /** Where the servers' decodes find them, one port for each URL; empty for servers that do not prefill for others. */
  readonly bootstrapPorts: readonly number[];
}

/** SGLang servers, whole or by data-parallel rank. */
export function sglangEngine(options: SglangEngineOptions): Engine {
  const pairing = options.bootstrapPorts.length === 0 ? null : bootstrap(options);
  return new HttpEngine(sglang, options, pairing);
}

/** Load comes from `/v1/loads`, in older versions from `/get_load`, else from the metrics. */
async function loads(ask: Ask, ranks: readonly number[]): Promise<readonly LoadReport[]> {
  const listed = await ask("/v1/loads?include=core");
  if (listed.status === 200) return byRank("GET /v1/loads", readLoads(listed.text), ranks);
  const old = await ask("/get_load");
  if (old.status === 200) return byRank("GET /get_load", readOldLoads(old.text), ranks);
  const listing = await ask(metrics.path);
  if (listing.status === 200) return loadsFromMetrics(metrics, listing, ranks);
  const lack = `GET /v1/loads answered ${listed.status}, /get_load ${old.status} and /metrics ${listing.status}`;
  return withoutLoad(ranks, lack);
}

/** @param reported null for an answer of another form */
function byRank(
  question: string,
  reported: readonly RankLoad[] | null,
  ranks: readonly number[],
): readonly LoadReport[] {
  if (reported === null) return withoutLoad(ranks, `${question} answered something else than loads`);
  if (reported.length === 0) return withoutLoad(ranks, `${question} lists no rank`);
  return ranks.map((rank) => {
    // A server that is one shard counts all its ranks together.
    const own = ranks.length === 1 ? reported : reported.filter((load) => load.rank === rank);
    if (own.length === 0) {
      const known = reported.map((load) => load.rank).join(", ");
      return { serves: false, load: null, lack: `${question} lists no rank ${rank}, only ${known}` };
    }
    if (own.some((load) => load.capacityTokens === 0)) {
      return {
        serves: false,
        load: null,
        lack: `${question} reports no KV cache of rank ${own[0].rank} yet`,
      };
    }
    return { serves: true, load: together(own), lack: null };
  });
}

function together(ranks: readonly RankLoad[]): LoadReport["load"] {
  const total = (value: (load: RankLoad) => number | null) =>
    ranks.reduce<number | null>((sum, load) => {
      const own = value(load);
      return sum === null || own === null ? null : sum + own;
    }, 0);
  const use = total((load) => load.kvUse);
  return {
    running: total((load) => load.running) ?? 0,
    waiting: total((load) => load.waiting) ?? 0,
    kvUse: use === null ? null : use / ranks.length,
    kvCapacityTokens: total((load) => load.capacityTokens),
  };
}

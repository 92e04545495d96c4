import { part } from "../http/reported-metrics.ts";

/** What SGLang reports about one data-parallel rank. */
export interface RankLoad {
  readonly rank: number;
  readonly running: number;
  readonly waiting: number;
  /** 0 to 1; null where it is not reported. */
  readonly kvUse: number | null;
  /** 0 while the rank has no cache yet; null where it is not reported. */
  readonly capacityTokens: number | null;
}

/** Reads the answer of `GET /v1/loads` (SGLang 0.5.7 and later). @returns null when it is something else */
export function readLoads(text: string): readonly RankLoad[] | null {
  const answer = parsed(text);
  if (typeof answer !== "object" || answer === null || !("loads" in answer)) return null;
  return rankLoads(answer.loads, (rank) => ({
    running: count(rank["num_running_reqs"]),
    waiting: count(rank["num_waiting_reqs"]),
    kvUse: count(rank["token_usage"]),
    capacityTokens: count(rank["max_total_num_tokens"]),
  }));
}

/** Reads the answer of `GET /get_load`, whose `num_reqs` counts those that wait too. @returns null when it is something else */
export function readOldLoads(text: string): readonly RankLoad[] | null {
  return rankLoads(parsed(text), (rank) => {
    const waiting = count(rank["num_waiting_reqs"]);
    const all = count(rank["num_reqs"]);
    const running = all === null || waiting === null ? null : Math.max(0, all - waiting);
    return { running, waiting, kvUse: null, capacityTokens: null };
  });
}

interface Counts {
  readonly running: number | null;
  readonly waiting: number | null;
  readonly kvUse: number | null;
  readonly capacityTokens: number | null;
}

function rankLoads(
  list: unknown,
  read: (rank: Record<string, unknown>) => Counts,
): readonly RankLoad[] | null {
  if (!Array.isArray(list)) return null;
  const loads: RankLoad[] = [];
  for (const entry of list as unknown[]) {
    if (typeof entry !== "object" || entry === null) return null;
    const fields = entry as Record<string, unknown>;
    const rank = count(fields["dp_rank"] ?? 0);
    const { running, waiting, kvUse, capacityTokens } = read(fields);
    if (rank === null || running === null || waiting === null) return null;
    loads.push({ rank, running, waiting, kvUse: kvUse === null ? null : part(kvUse), capacityTokens });
  }
  return loads;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function count(value: unknown): number | null {
  return typeof value === "number" && value >= 0 ? value : null;
}

import Table from "cli-table3";
import { KIND_NAMES, measuredText, progressText } from "../../dashboard/decisions/decision-text.ts";
import {
  ageText,
  differenceText,
  type EngineBalance,
  engineBalance,
  faultsText,
  rebalancesText,
} from "../../dashboard/engine/engine-balance.ts";
import { gainedText, timesText } from "../../dashboard/engine/beside-text.ts";
import { hopsOf, latest, stepFactor, tokenMean } from "../../dashboard/figures/averages.ts";
import { gpuCosts, mostWaitedFor, roomOf } from "../../dashboard/gpus/gpu-cost.ts";
import { gpuText } from "../../dashboard/gpus/gpu-text.ts";
import type { PoolState, State } from "../../dashboard/live/state.ts";
import type { BalanceBeside, BalanceFigures } from "../../dashboard/live/wire.ts";
import { type Status, statusOf } from "../../dashboard/status/pool-status.ts";
import { printable } from "../../lib/printable.ts";
import { decimals, milliseconds } from "../../lib/number-text.ts";

/** 80 columns with cli-table3's borders. */
const COLUMN_WIDTHS = [19, 19, 19, 18];
const DECISIONS = 4;
const FULL = 1;
const BLOCKS = " ▁▂▃▄▅▆▇█";

/** What somebody on a jump host sees of one pool; facts are the page's own. */
export interface TopFacts {
  readonly state: State;
  readonly name: string;
  readonly pool: PoolState;
  readonly nowMs: number;
}

export interface TopFigures extends Status {
  readonly pool: string;
  readonly tokensPerSecond: number | null;
  readonly balancedness: number | null;
  /** How many times as long as an even split's a step takes, and what is left to the load line, in parts. */
  readonly stepFactor: number | null;
  readonly room: number | null;
  /** Another way of balancing on the same tokens; null where none is run beside the pool. */
  readonly beside: BalanceBeside | null;
  /** Of an engine that balances by itself; null where none does. */
  readonly engine: EngineBalance | null;
  /** Between nodes, or between GPUs where there is one node. */
  readonly hopsPerToken: number | null;
}

export function topFigures({ state, name, pool, nowMs }: TopFacts): TopFigures {
  const now = latest(pool.samples);
  const factor = stepFactor(now);
  const { condition } = pool;
  return {
    pool: name,
    ...statusOf(pool, state.gateway, nowMs),
    tokensPerSecond: pool.last?.tokensPerSecond ?? null,
    balancedness: tokenMean(now, "balancedness"),
    stepFactor: factor,
    room: condition === null ? null : roomOf(factor, condition.loadLine),
    beside: pool.last?.beside ?? null,
    engine: engineBalance(pool, nowMs + state.aheadMs),
    hopsPerToken: pool.last === null ? null : tokenMean(now, hopsOf(pool.last.topology).figure),
  };
}

/** The overview as a table of 80 columns. */
export function topTable(facts: TopFacts): string {
  const { state, pool } = facts;
  const { traffic } = state;
  const figures = topFigures(facts);
  const { alarms, calm, room } = figures;
  const nodes = pool.last?.topology.nodes ?? 1;
  const table = new Table({
    colWidths: COLUMN_WIDTHS,
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  // Reasons and names are others': nothing in them acts on the terminal.
  const wide = (name: string, content: string) =>
    table.push([name, { colSpan: 3, content: content.split("\n").map(printable).join("\n") }]);
  wide("Pool", `${facts.name} (${pool.last?.model ?? "no report yet"})`);
  for (const alarm of alarms) wide("!", alarm);
  if (state.connection === "lost") wide("!", "The connection is lost; it is tried again every two seconds.");
  wide("Status", calm.join(" · "));
  table.push(
    [
      "Tokens/s",
      decimals(figures.tokensPerSecond, 0),
      `step ${milliseconds(pool.last?.stepMs)} ms`,
      `epoch ${decimals(pool.last?.epoch, 0)}`,
    ],
    [
      "Requests",
      `${decimals(traffic?.inFlight, 0)} in flight`,
      `${decimals(traffic?.requestsPerSecond, 1)} a second`,
      `${decimals(traffic?.failed, 0)} failed`,
    ],
    [
      "First token",
      `p50 ${milliseconds(traffic?.ttftMs?.p50)} ms`,
      `p95 ${milliseconds(traffic?.ttftMs?.p95)} ms`,
      "",
    ],
    [
      "Between tokens",
      `p50 ${milliseconds(traffic?.itlMs?.p50)} ms`,
      `p95 ${milliseconds(traffic?.itlMs?.p95)} ms`,
      "",
    ],
    [
      "Balancedness",
      decimals(figures.balancedness, 3),
      `step ${decimals(figures.stepFactor, 2)} × even`,
      room === null ? "" : `room ${decimals(100 * room, 0)} %`,
    ],
    ["Hops/token", decimals(figures.hopsPerToken, 3), nodes > 1 ? "between nodes" : "between GPUs", ""],
  );
  const engine = engineText(facts);
  if (engine !== null) wide("Engine", engine);
  const beside = pool.last?.beside ?? null;
  if (beside !== null) wide("Beside it", besideText(beside, pool.last?.movedSlots ?? 0));
  wide("GPUs", gpuRows(pool));
  for (const decision of pool.decisions.slice(-DECISIONS).toReversed()) {
    const measured = measuredText(decision);
    const parts = [progressText(decision), measured === null ? "" : `measured ${measured}`, decision.reason];
    wide(KIND_NAMES[decision.kind], parts.filter((part) => part !== "").join("; "));
  }
  return table.toString();
}

/** An engine that balances by itself, beside the published placement; null where none does. */
function engineText({ state, pool, nowMs }: TopFacts): string | null {
  const engine = pool.condition?.engine ?? null;
  const balance = engineBalance(pool, nowMs + state.aheadMs);
  if (engine === null || balance === null) return null;
  const lines = [
    `${engine.name}: balancedness ${decimals(balance.engine, 3)} as it dispatches (${engine.dispatch}), ${ageText(balance.engineAgeMs)}; ${decimals(balance.published, 3)} by the published placement`,
    differenceText(balance) ?? "",
    rebalancesText(engine),
    faultsText(engine),
  ];
  return lines.filter((line) => line !== "").join("\n");
}

/** Another way of balancing on the same tokens. */
function besideText(beside: BalanceBeside, moved: number): string {
  const { title, pool, beside: other, movedSlots } = beside;
  const figures = ({ balancedness, fullestGpu }: BalanceFigures, slots: number) =>
    `balancedness ${decimals(balancedness, 3)}, fullest GPU ${timesText(fullestGpu)}, ${decimals(slots, 0)} slots moved`;
  const lines = [
    `Plimsoll, in force: ${figures(pool, moved)}`,
    `${title}, worked out: ${figures(other, movedSlots)}`,
    gainedText(beside, moved) ?? "",
  ];
  return lines.filter((line) => line !== "").join("\n");
}

/** A block for each GPU, by how full it is beside the fullest, a row for each node; and the one that steps wait for. */
function gpuRows({ last, condition, simulation }: PoolState): string {
  if (last === null) return "";
  const costs = gpuCosts(last, condition, simulation?.lost ?? []);
  const most = Math.max(FULL, ...costs.map(({ load }) => load));
  const blocks = costs.map(({ state, load }) =>
    state === "lost" ? "x" : BLOCKS[Math.round((load / most) * (BLOCKS.length - 1))],
  );
  const { gpusPerNode, nodes } = last.topology;
  const rows = Array.from({ length: nodes }, (_, node) =>
    blocks.slice(node * gpusPerNode, (node + 1) * gpusPerNode).join(""),
  );
  const waited = mostWaitedFor(costs);
  return `${rows.join(" ")}${waited === null ? "" : `\n${gpuText(waited, last, last.layerNumbers, null)}`}`;
}

/** The overview as one line. */
export function topLine(facts: TopFacts): string {
  const { alarms, calm, balancedness, stepFactor: factor, room, tokensPerSecond } = topFigures(facts);
  const said = alarms.length > 0 ? alarms.join(" ") : calm.join(" · ");
  const left = room === null ? "" : `, room ${decimals(100 * room, 0)} %`;
  const load = `${decimals(tokensPerSecond, 0)} tokens/s, balancedness ${decimals(balancedness, 3)}, step ${decimals(factor, 2)} × even${left}`;
  return `${facts.name}: ${load}; ${said}`;
}

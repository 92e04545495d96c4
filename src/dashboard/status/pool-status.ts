import { latest, stepFactor } from "../figures/averages.ts";
import { list, named, time, whole } from "../format.ts";
import type { PoolState } from "../live/state.ts";
import type { GatewayCondition, PoolCondition, WatchedEngine } from "../live/wire.ts";

/** A report a second; so long without one is worth saying. */
const SILENCE_MS = 5000;
const NAMED = 6;
const LAG_MS = 5000;

export interface Status {
  /** What is as it should be, in few words each. */
  readonly calm: readonly string[];
  /** What is not, a sentence each, the worst first. */
  readonly alarms: readonly string[];
}

/** How a pool is, for somebody who has five seconds. @param nowMs by the page's clock */
export function statusOf(pool: PoolState, gateway: GatewayCondition | null, nowMs: number): Status {
  const { condition, reportedAtMs, last } = pool;
  const age = reportedAtMs === null ? null : Math.max(0, nowMs - reportedAtMs);
  const silent = isPaused(reportedAtMs, nowMs);
  const fault = gateway?.store.fault ?? null;
  const alarms = [
    ...(condition === null ? [] : serviceAlarms(condition)),
    ...lineAlarm(pool),
    ...lagAlarm(pool),
    // Said once: an age would be read aloud every second.
    ...(silent && last !== null ? [`No report since ${time(last.atMs)}: what is shown is of then.`] : []),
    ...(fault === null ? [] : [`The store does not work: ${named(fault)}.`]),
    ...(condition === null ? [] : planAlarms(condition, pool)),
  ];
  const calm = [
    ...(condition === null ? [] : calmService(condition)),
    ...(age === null || silent ? [] : [`data ${seconds(age)} old`]),
  ];
  return { calm, alarms };
}

/** Whether a pool's reports have stopped coming. */
export function isPaused(reportedAtMs: number | null, nowMs: number): boolean {
  return reportedAtMs !== null && nowMs - reportedAtMs > SILENCE_MS;
}

function serviceAlarms({ ranks, lost, missing }: PoolCondition): string[] {
  const experts = missing.reduce((sum, { experts: one }) => sum + one.length, 0);
  const layers = missing.length === 1 ? `layer ${missing[0].layer}` : `${missing.length} layers`;
  return [
    ...(experts === 0
      ? []
      : [`${whole(experts)} ${experts === 1 ? "expert has" : "experts have"} no replica, in ${layers}.`]),
    ...(lost.length === 0
      ? []
      : [
          `${lost.length} of ${ranks} ranks lost: ${list(
            lost.map(({ rank, how }) => `${rank} (${how})`),
            NAMED,
          )}.`,
        ]),
  ];
}

function lineAlarm({ condition, samples }: PoolState): string[] {
  const factor = stepFactor(latest(samples));
  if (condition === null || factor === null || factor <= condition.loadLine) return [];
  const line = condition.loadLine.toFixed(2);
  return [`Past the load line: steps take ${factor.toFixed(2)} × an even split's, the line is at ${line} ×.`];
}

/** A simulation that its machine is too slow for: what it forwards, and how long requests take, is of that machine. */
function lagAlarm({ last }: PoolState): string[] {
  const lagMs = last?.lagMs ?? 0;
  return lagMs < LAG_MS
    ? []
    : [`The simulation is ${seconds(lagMs)} behind its clock in all: this machine is too busy for it.`];
}

function planAlarms({ leader, paused, engine }: PoolCondition, { decisions }: PoolState): string[] {
  const last = decisions.findLast(({ kind }) => kind === "placement" || kind === "repair");
  return [
    ...(leader === null ? ["Nobody is known to lead the pool."] : []),
    ...(engine?.faults ?? []).map(
      ({ text, sinceMs }) => `${named(engine?.name ?? "")}: ${named(text)}, since ${time(sinceMs)}.`,
    ),
    ...(paused ? ["An operator holds placements."] : []),
    ...(last?.state === "given up"
      ? [`The last change was given up: ${named(last.why ?? "no reason is known")}.`]
      : []),
  ];
}

function calmService({ ranks, lost, missing, leader, draining, drained, engine }: PoolCondition): string[] {
  return [
    ...(lost.length === 0 ? [`${ranks} of ${ranks} ranks`] : []),
    ...(missing.length === 0 ? ["nothing missing"] : []),
    ...(draining.length === 0 ? [] : [`${list(draining.map(String), NAMED)} to be drained`]),
    ...(drained.length === 0 ? [] : [`${list(drained.map(String), NAMED)} drained`]),
    ...(engine === null ? [] : [engineText(engine)]),
    ...(leader === null ? [] : [`led by ${named(leader.gateway)} since ${time(leader.sinceMs)}`]),
  ];
}

/** What an engine that balances by itself says of that. */
function engineText({ name, rebalances, rebalanceEvery, balancedness }: WatchedEngine): string {
  const level = balancedness === null ? "" : ` at balancedness ${balancedness.toFixed(3)}`;
  if (rebalanceEvery === 0) return `${named(name)} does not balance by itself${level}`;
  return `${named(name)} has rebalanced ${whole(rebalances)} times by itself${level}`;
}

function seconds(ms: number): string {
  return `${whole(ms / 1000)} s`;
}

import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { PolicyFigures } from "../policy-figures.ts";

/** What differs by less is said to be the same. */
const TELLING = 0.01;
const SECONDS_FROM_MS = 10_000;
/** Of fewer requests the slowest twentieth is a handful. */
const MANY = 100;

/** The run in a few sentences: what Plimsoll's balance, or else the last policy's, gained over the others. */
export function gainText(all: readonly PolicyFigures[]): string {
  const fewest = Math.min(...all.flatMap(({ completed }) => (completed > 0 ? [completed] : [])));
  const chance = `With ${decimals(fewest, 0)} completed request${fewest === 1 ? "" : "s"}, small differences may be chance.`;
  const parts = [lostText(all), timesText(all), all.length > 1 && fewest < MANY ? chance : ""];
  return parts.filter((part) => part !== "").join(" ");
}

/** Empty where every request was completed: what was refused or failed is in no time. */
function lostText(all: readonly PolicyFigures[]): string {
  if (all.every(({ completed, requests }) => completed >= requests)) return "";
  const each = all.map(
    (one) => `${shortName(one)} ${decimals(one.completed, 0)} of ${decimals(one.requests, 0)}`,
  );
  return `Requests completed: ${listed(each)}; times are of these alone.`;
}

function timesText(all: readonly PolicyFigures[]): string {
  const figures = all.filter(({ completed }) => completed > 0);
  const own = figures.find(({ name }) => name === "plimsoll") ?? figures.at(-1);
  if (own === undefined) return "No request was completed.";
  const others = figures.filter((one) => one !== own);
  const inSeconds = figures.some(({ e2eMs }) => (e2eMs?.p95 ?? 0) >= SECONDS_FROM_MS);
  const e2eText = ({ e2eMs }: PolicyFigures) => durationText(e2eMs?.p95 ?? null, inSeconds);
  const answers = `answers 95 % of requests in full within ${e2eText(own)}`;
  if (others.length === 0) return `${sentenceName(own)} ${answers}, and was run alone.`;
  const takes = `where ${listed(others.map((one) => `${shortName(one)} takes ${e2eText(one)}`))}.`;
  const even = [own, ...others].map((one) => `${shortName(one)} ${decimals(one.balancedness, 3)}`);
  const balance = `${goodputText(own, others)}Balancedness: ${listed(even)}.`;
  if (others.some((one) => apart(one.tokensPerSecond, own.tokensPerSecond) !== 0)) {
    const carry = others.map((one) => `${shortName(one)} carries ${rateText(one)}`);
    const behind = others.some((one) => apart(one.tokensPerSecond, own.tokensPerSecond) > 0);
    const begin = behind ? `${sentenceName(own)} does not carry the most here: it` : sentenceName(own);
    const carries = `${begin} carries ${rateText(own)} tokens/s where ${listed(carry)}.`;
    return `${carries} It ${answers} ${takes} ${balance}`;
  }
  return `${latencyBegin(own, others)} ${answers} ${takes} ${balance}`;
}

/** Empty where no level was given. */
function goodputText(own: PolicyFigures, others: readonly PolicyFigures[]): string {
  if (own.goodput === null) return "";
  const shares = [own, ...others].map((one) => {
    const share = one.goodput?.share ?? null;
    return `${shortName(one)} ${decimals(share === null ? null : share * 100, 1)}\u00a0%`;
  });
  return `Requests that kept the SLO: ${listed(shares)}. `;
}

/** Also where nothing was gained. */
function latencyBegin(own: PolicyFigures, others: readonly PolicyFigures[]): string {
  const differences = others.map((one) => apart(one.e2eMs?.p95, own.e2eMs?.p95));
  const name = shortName(own);
  if (differences.every((sign) => sign === 0)) return `Balance hardly shows in these latencies: ${name}`;
  return differences.some((sign) => sign < 0)
    ? `${sentenceName(own)} is not the fastest here: it`
    : sentenceName(own);
}

/** Without what makes a title exact. */
function shortName({ title }: PolicyFigures): string {
  return title.split(",")[0];
}

function sentenceName(one: PolicyFigures): string {
  const name = shortName(one);
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

/** 1 where the first is more, −1 where it is less, 0 where they are about the same or not known. */
function apart(a: number | null | undefined, b: number | null | undefined): number {
  if (a === null || a === undefined || b === null || b === undefined) return 0;
  return Math.abs(a - b) > TELLING * Math.max(a, b) ? Math.sign(a - b) : 0;
}

function rateText({ tokensPerSecond }: PolicyFigures): string {
  return decimals(tokensPerSecond, 0);
}

function durationText(ms: number | null, inSeconds: boolean): string {
  return inSeconds ? `${decimals(ms === null ? null : ms / 1000, 2)}\u00a0s` : `${milliseconds(ms)}\u00a0ms`;
}

function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { PolicyFigures } from "../policy-figures.ts";

/** What differs by less is said to be the same. */
const TELLING = 0.01;

/** The run in one or two sentences: what Plimsoll's balance, or else the last policy's, gained over the others. */
export function gainText(all: readonly PolicyFigures[]): string {
  const figures = all.filter(({ completed }) => completed > 0);
  const own = figures.find(({ name }) => name === "plimsoll") ?? figures.at(-1);
  if (own === undefined) return "No request was completed.";
  const others = figures.filter((one) => one !== own);
  const answers = `answers 95 % of requests in full within ${e2eText(own)}`;
  if (others.length === 0) return `${sentenceName(own)} ${answers}, and was run alone.`;
  const takes = `where ${listed(others.map((one) => `${shortName(one)} takes ${e2eText(one)}`))}.`;
  const even = [own, ...others].map((one) => `${shortName(one)} ${decimals(one.balancedness, 3)}`);
  const balance = `Balancedness: ${listed(even)}.`;
  if (others.some((one) => apart(one.tokensPerSecond, own.tokensPerSecond))) {
    const carry = others.map((one) => `${shortName(one)} carries ${rateText(one)}`);
    const carries = `${sentenceName(own)} carries ${rateText(own)} tokens/s where ${listed(carry)}.`;
    return `${carries} It ${answers} ${takes} ${balance}`;
  }
  const seen = others.some((one) => apart(one.e2eMs?.p95, own.e2eMs?.p95));
  const begin = seen ? sentenceName(own) : `Balance hardly shows in these latencies: ${shortName(own)}`;
  return `${begin} ${answers} ${takes} ${balance}`;
}

/** Without what makes a title exact. */
function shortName({ title }: PolicyFigures): string {
  return title.split(",")[0];
}

function sentenceName(one: PolicyFigures): string {
  const name = shortName(one);
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

function apart(a: number | null | undefined, b: number | null | undefined): boolean {
  if (a === null || a === undefined || b === null || b === undefined) return false;
  return Math.abs(a - b) > TELLING * Math.max(a, b);
}

function rateText({ tokensPerSecond }: PolicyFigures): string {
  return decimals(tokensPerSecond, 0);
}

function e2eText({ e2eMs }: PolicyFigures): string {
  const p95 = e2eMs?.p95 ?? null;
  return p95 !== null && p95 >= 10_000 ? `${decimals(p95 / 1000, 2)}\u00a0s` : `${milliseconds(p95)}\u00a0ms`;
}

function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

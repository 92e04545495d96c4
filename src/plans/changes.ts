import { decimals, milliseconds, threeDigits } from "../lib/number-text.ts";
import type { Trial } from "../planner/trial.ts";
import { limitText, poolsText } from "./plan-terms.ts";
import type { SavedAnswer } from "./saved-plan.ts";

/** What differs between two answers: a row each. */
export interface Change {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

interface Figure {
  readonly name: string;
  of(answer: SavedAnswer): string;
}

const PER_CENT = 100;

const FIGURES: readonly Figure[] = [
  { name: "GPUs", of: ({ gpus, gpu }) => `${gpus} ${gpu.toUpperCase()}` },
  { name: "units", of: ({ units, gpusPerUnit }) => `${units} of ${gpusPerUnit}` },
  { name: "a unit", of: unitText },
  { name: "redundant experts", of: ({ redundantExperts }) => `${redundantExperts}` },
  {
    name: "a unit's load line",
    of: ({ loadLine }) => `${threeDigits(loadLine.requestsPerSecondPerUnit)} requests/s`,
  },
  { name: "of it used", of: ({ loadLine }) => `${decimals(PER_CENT * loadLine.use, 0)} %` },
  { name: "first token", of: ({ twin }) => `${milliseconds(worst(twin, (one) => one.ttftMs))} ms` },
  { name: "between tokens", of: ({ twin }) => `${milliseconds(worst(twin, (one) => one.itlMs))} ms` },
  { name: "balancedness", of: ({ twin }) => balancednessText(twin) },
  { name: "what binds", of: ({ limit }) => limitText(limit) },
  { name: "$ an hour", of: ({ cost }) => (cost === null ? "–" : decimals(cost.dollarsPerHour, 2)) },
  {
    name: "$ per million tokens",
    of: ({ cost }) => (cost === null ? "–" : decimals(cost.perMillionTokens, 3)),
  },
];

/** Every figure of two answers, either of which may be none. */
export function changes(before: SavedAnswer | null, after: SavedAnswer | null): Change[] {
  const text = (answer: SavedAnswer | null, of: Figure["of"]) => (answer === null ? "no plan" : of(answer));
  return FIGURES.map(({ name, of }) => ({ name, before: text(before, of), after: text(after, of) }));
}

function unitText({ prefill, decode, stepTokens }: SavedAnswer): string {
  return `${poolsText(prefill?.words ?? null, decode.words)}, steps of ${stepTokens} tokens`;
}

function worst(trials: readonly Trial[], of: (one: Trial) => number | null): number {
  return Math.max(...trials.map((one) => of(one) ?? 0));
}

function balancednessText(trials: readonly Trial[]): string {
  const known = trials.flatMap(({ balancedness }) => balancedness ?? []);
  return decimals(known.length === 0 ? null : Math.min(...known), 2);
}

/**
 * Why the second is another, in sentences.
 * @param formerGpus that the first one's unit needs for the second question; null where it does not do
 */
export function reasons(before: SavedAnswer, after: SavedAnswer, formerGpus: number | null): string[] {
  const said: string[] = [];
  const [line, lineAfter] = [before, after].map(({ loadLine }) => loadLine.requestsPerSecondPerUnit);
  if (unitText(before) !== unitText(after))
    said.push(
      `Another unit is best now. ${formerGpus === null ? "The former does not do any more" : `The former would take ${formerGpus} GPUs`}.`,
    );
  else if (line !== lineAfter) {
    const more = lineAfter / line - 1;
    said.push(`A unit carries ${decimals(PER_CENT * Math.abs(more), 0)} % ${more > 0 ? "more" : "less"}.`);
  } else if (before.units !== after.units) {
    const more = after.units - before.units;
    const count = Math.abs(more);
    said.push(
      `A unit carries what it did; ${count} ${more > 0 ? "more" : "fewer"} ${count === 1 ? "is" : "are"} needed.`,
    );
  }
  const [was, is] = [before, after].map(({ limit }) => limitText(limit));
  said.push(was === is ? `What binds stays: ${is}.` : `What binds changes: ${was} before, ${is} now.`);
  return said;
}

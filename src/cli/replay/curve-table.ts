import Table from "cli-table3";
import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { Attainment } from "../../replay/curve/attainment.ts";
import type { CurveKind, Step } from "../../replay/curve/step.ts";
import type { Curve } from "../../replay/report/curve-report.ts";

const UNITS: Readonly<Record<CurveKind, string>> = {
  rate: "requests/s",
  concurrency: "requests in flight",
};

const HEAD = [
  "req/s",
  "good/s",
  "good",
  "TTFT p50",
  "p99",
  "TPOT p50",
  "p99",
  "E2E p99",
  "tokens/s",
  "in flight",
];

/** The steps of a curve by their load, and the highest that holds its targets, for a person to read. */
export function curveTable(curve: Curve): string {
  const { steps, setting } = curve;
  const table = new Table({
    head: [setting.kind === "rate" ? "Rate" : "Streams", ...HEAD, ""],
    colAligns: ["right", ...HEAD.map(() => "right" as const), "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const step of [...steps].sort((a, b) => a.load - b.load)) table.push(row(step));
  return [table.toString(), ...maxLines(curve)].join("\n");
}

/** One step, in a line. */
export function stepLine(kind: CurveKind, step: Step): string {
  const { load, outcome, attainment } = step;
  const good = attainment === null ? "" : `${goodText(attainment)} good, `;
  const word = verdictText(step);
  return `${loadText(load)} ${UNITS[kind]}: ${good}TTFT p99 ${milliseconds(outcome.ttftMs?.p99)} ms, TPOT p99 ${milliseconds(outcome.tpotMs?.p99)} ms${word === "" ? "" : `: ${word}`}`;
}

function row(step: Step): string[] {
  const { load, outcome, attainment, stoppedEarly } = step;
  const { ttftMs, tpotMs, e2eMs, window, durationMs, completed, outputTokens, good } = outcome;
  const seconds = durationMs / 1000;
  const own = stoppedEarly ? null : window;
  return [
    loadText(load),
    decimals(own === null ? completed / seconds : own.completed / own.seconds, 1),
    decimals(good === null ? null : good / (own?.seconds ?? seconds), 1),
    attainment === null ? "" : goodText(attainment),
    ...[ttftMs?.p50, ttftMs?.p99, tpotMs?.p50, tpotMs?.p99, e2eMs?.p99].map(milliseconds),
    decimals(own === null ? outputTokens / seconds : own.outputTokens / own.seconds, 0),
    decimals(outcome.maxInFlight, 0),
    verdictText(step),
  ];
}

function verdictText({ verdict, stoppedEarly, outcome }: Step): string {
  const words = [
    ...(verdict === "held" || verdict === "lost" ? [verdict] : []),
    ...(stoppedEarly ? ["stopped"] : []),
    ...(outcome.client.valid ? [] : ["client late"]),
  ];
  return words.join(", ");
}

function maxLines({ max, setting, steps, attainment: required, precision }: Curve): string[] {
  if (max === null) return [];
  const unit = UNITS[setting.kind];
  const { held, lost, byClient, precise } = max;
  const need = `${decimals(100 * required, 1)} % good`;
  if (held === null) {
    const why = byClient ? "the client itself fell behind" : "the targets were missed";
    return [`No load held ${need}: at ${loadText(lost ?? 0)} ${unit}, the least that was tried, ${why}.`];
  }
  const at = (load: number): string => {
    const step = steps.find((one) => one.load === load);
    const attainment = step?.attainment ?? null;
    return attainment === null ? "" : ` (${intervalText(attainment)})`;
  };
  const first = `Highest load that held ${need}: ${loadText(held)} ${unit}${at(held)}`;
  if (lost === null) return [`${first}; it is the highest that was tried.`];
  const above = byClient
    ? `; at ${loadText(lost)} the client itself fell behind, so that the server may carry more.`
    : `; ${loadText(lost)} did not${at(lost)}.`;
  return [
    `${first}${above}`,
    ...(precise
      ? []
      : [`The two are farther apart than --precision ${precision}: the search was not finished.`]),
  ];
}

function goodText({ part }: Attainment): string {
  return part === null ? "–" : `${decimals(100 * part, 1)} %`;
}

function intervalText({ part, interval, of }: Attainment): string {
  const [low, high] = interval ?? [0, 1];
  return `${decimals(100 * (part ?? 0), 1)} % of ${decimals(of, 0)}, 95 % interval ${decimals(100 * low, 1)}–${decimals(100 * high, 1)} %`;
}

function loadText(load: number): string {
  return `${Number(load.toPrecision(6))}`;
}

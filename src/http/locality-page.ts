import { decimals, milliseconds } from "../lib/number-text.ts";
import type { Interval } from "../lib/ratio-interval.ts";
import { documentHtml, panelHtml, section } from "../report/html/document.ts";
import { escaped } from "../report/html/escape.ts";
import type { FigureTable } from "../report/html/figure-table.ts";
import type { LocalityReport, TimesCompared } from "../serving/locality/locality-report.ts";
import { PREDICTED_CONTEXT, PREDICTED_GPU } from "../serving/locality/predicted-step.ts";
import { doubtsOf, leadOf } from "./locality-words.ts";

const NONE = "–";

/** What locality does for one model, or would do, on one page. */
export function localityPage(report: LocalityReport): string {
  const { model, mode, since, now, gateway } = report;
  return documentHtml({
    title: `Locality of ${model}`,
    heading: `${model} by experts`,
    lead: leadOf(report),
    identity: [
      ["mode", modeText(report)],
      ["load band", `${decimals(100 * report.loadBand, 1)} %`],
      ["counted", `${since} to ${now}`],
      ["by", gateway],
    ],
    parts: [
      section("What steps read", [panelHtml(expertsTable(report)), paragraph(EXPERTS_NOTE)]),
      mode === "shadow"
        ? ""
        : section("What requests took", [panelHtml(timesTable(report)), paragraph(TIMES_NOTE)]),
      section("Load", [panelHtml(loadTable(report)), paragraph(fullestText(report))]),
      section("What is known of requests", [panelHtml(knownTable(report)), paragraph(answersText(report))]),
      section("What this does not show", [
        `<ul>${doubtsOf(report)
          .map((doubt) => `<li>${escaped(doubt)}</li>`)
          .join("")}</ul>`,
      ]),
    ],
    footer: "As JSON with <code>?format=json</code>.",
  });
}

const EXPERTS_NOTE =
  "Per layer, in a step with a token of each of as many requests as a pool had in flight. By the experts that answers " +
  "have named, not by what requests were sent by; node hops by the shares that pools have in force. Intervals are of 95 %, over batches of half a minute or more; where " +
  "one is like the one before, they count as fewer. " +
  `The time is the cost model's, on ${PREDICTED_GPU} with ${PREDICTED_CONTEXT} tokens of context.`;
const TIMES_NOTE =
  "TPOT is from the first frame with content to the last, by the tokens in between; TTFT from arrival to the first. " +
  "Means of streamed answers that were whole. Intervals are of 95 % (Welch), over whole units: what is within one need " +
  "not be independent.";

function modeText({ mode, comparison, percent, switchbackMinutes, period }: LocalityReport): string {
  if (mode === "shadow") return "shadow: all requests are sent as without";
  if (comparison === "periods") return `on and off for ${switchbackMinutes} minutes each; now ${period}`;
  return comparison === "sessions" ? `on for ${percent} % of the sessions` : `on for ${percent} %`;
}

function arms({ mode }: LocalityReport): readonly [string, string] {
  return mode === "shadow" ? ["as they went", "by experts"] : ["control", "by experts"];
}

function expertsTable(report: LocalityReport): FigureTable {
  const { experts } = report;
  const columns = ["", ...arms(report), "less", "95 %"];
  const caption =
    experts === null
      ? "No batch is full yet"
      : `${experts.batches} batches, ${experts.requests} requests, ${decimals(experts.stepTokens, 1)} tokens a step`;
  if (experts === null) return { caption, columns, rows: [] };
  const row = (
    header: string,
    { control, locality }: (typeof experts)["distinct"],
    digits: 1 | 2,
    interval: string,
  ) => ({
    header,
    cells: [
      decimals(control, digits),
      decimals(locality, digits),
      control === null || locality === null ? NONE : percentText(1 - locality / control),
      interval,
    ],
  });
  return {
    caption,
    columns,
    rows: [
      row("experts read", experts.distinct, 1, rangeText(experts.interval)),
      row("on the fullest GPU", experts.fullestGpu, 2, ""),
      row("node hops of a token", experts.nodeHops, 2, ""),
      row("predicted step, ms", experts.stepMs, 2, ""),
    ],
  };
}

function timesTable(report: LocalityReport): FigureTable {
  const { times, comparison } = report;
  const unit = comparison === "periods" ? "periods" : "parts of the sessions";
  const row = (header: string, { ms, difference, interval }: TimesCompared) => ({
    header,
    cells: [
      milliseconds(ms.control?.mean),
      milliseconds(ms.locality?.mean),
      milliseconds(difference),
      interval === null ? NONE : `${milliseconds(interval.low)} to ${milliseconds(interval.high)}`,
      `${ms.control?.units ?? 0} and ${ms.locality?.units ?? 0}`,
      `${ms.control?.count ?? 0} and ${ms.locality?.count ?? 0}`,
    ],
  });
  return {
    caption: "Milliseconds",
    columns: ["", ...arms(report), "difference", "95 %", unit, "requests"],
    rows: times === null ? [] : [row("TPOT", times.tpot), row("TTFT", times.ttft)],
  };
}

function loadTable(report: LocalityReport): FigureTable {
  const [control, locality] = arms(report);
  const all = (arm: "control" | "locality") => report.pools.reduce((sum, { tokens }) => sum + tokens[arm], 0);
  const part = (value: number, of: number) => (of === 0 ? NONE : percentText(value / of));
  return {
    caption: "Sent to each pool",
    columns: ["pool", `requests, ${control}`, `of the tokens`, `requests, ${locality}`, `of the tokens`],
    rows: report.pools.map(({ pool, requests, tokens }) => ({
      header: pool,
      cells: [
        `${requests.control}`,
        part(tokens.control, all("control")),
        `${requests.locality}`,
        part(tokens.locality, all("locality")),
      ],
    })),
  };
}

function knownTable({ known: { by, requests } }: LocalityReport): FigureTable {
  const words = {
    turns: "an earlier prompt that it begins with",
    prefix: "earlier prompts that begin alike",
    session: "its session",
    tenant: "its tenant",
    nothing: "nothing: as without",
  };
  return {
    caption: `Of ${requests} requests that go by experts, or would`,
    columns: ["from", "requests", "part"],
    rows: Object.entries(words).map(([source, text]) => {
      const count = by[source as keyof typeof by];
      return { header: text, cells: [`${count}`, requests === 0 ? NONE : percentText(count / requests)] };
    }),
  };
}

function fullestText({ fullest: { control, locality }, mode }: LocalityReport): string {
  if (control === null) return "Nothing was sent yet.";
  const went = `The fullest pool had ${decimals(control, 2)} of the mean load when a request was sent, in the mean`;
  if (mode !== "shadow" || locality === null) return `${went}.`;
  return `${went}; by experts it would have had ${decimals(locality, 2)}.`;
}

function answersText({ known: { kinds, groupRequests, answers }, choices }: LocalityReport): string {
  const late = answers.ignored === 0 ? "" : `, and ${answers.ignored} came faster than it learns`;
  const elsewhere =
    choices.elsewhere === 0 ? "" : ` ${choices.elsewhere} would have gone to another pool than they did.`;
  return (
    `For ${choices.byExperts} of ${choices.sent} requests a pool was found by experts.${elsewhere} ` +
    `${answers.learned} answers named their experts since the start${late}; ` +
    `something is known of ${kinds} turns, beginnings, sessions and tenants. ` +
    `The pools' groups were learned from ${groupRequests} requests.`
  );
}

function paragraph(text: string): string {
  return `<p>${escaped(text)}</p>`;
}

function percentText(part: number): string {
  return `${decimals(100 * part, 1)} %`;
}

function rangeText(interval: Interval | null): string {
  return interval === null ? NONE : `${percentText(interval.low)} to ${percentText(interval.high)}`;
}

import { STREAM_FRAMES } from "./mock-answers.ts";

/**
 * How an engine answers: whole, or in frames that follow each other at once or so many milliseconds apart. These come
 * spread, each stream's at its own times, or in steps: one of every stream of all engines at once, as the step of an
 * expert-parallel engine makes them.
 */
export type Manner =
  | { readonly kind: "whole" }
  | { readonly kind: "flat out" }
  | { readonly kind: "paced"; readonly ms: number; readonly phase: "spread" | "steps" };

/** One point of measurement. */
export interface Cell {
  readonly manner: Manner;
  /** Requests in flight at all times, each followed by the next; where they are offered at a rate, the most. */
  readonly concurrency: number;
  /** Requests offered a second, whatever becomes of those before; null where each follows another. */
  readonly perSecond: number | null;
  /** Connections opened at once, each with one request, when the window begins. */
  readonly newcomers: number;
  readonly bodyBytes: number;
  /** Whether every router is measured there, or the reference ones alone. */
  readonly everyone: boolean;
}

const CONCURRENCIES = [1, 64, 512];
const BODIES = [200, 2048, 16_384];
const MIDDLE = { concurrency: 64, bodyBytes: 2048 };
/** Offered a second: what every router but LiteLLM can answer. */
const RATES = [500, 2000];
const MOST_CONNECTIONS = 512;
const CLOSED = { perSecond: null, newcomers: 0 };
/** So that 512 streams come to 25,600 frames a second. */
const PACED = [
  { concurrency: 64, ms: 10 },
  { concurrency: 512, ms: 20 },
];
/** Time for connections to open, where streams need none of their own. */
const WARM_UP_MS = 400;

const whole = cross({ kind: "whole" });
const flatOut = cross({ kind: "flat out" });
const paced = PACED.flatMap(({ concurrency, ms }) =>
  (["spread", "steps"] as const).map((phase): Cell => {
    const manner = { kind: "paced", ms, phase } as const;
    return { manner, concurrency, bodyBytes: MIDDLE.bodyBytes, everyone: true, ...CLOSED };
  }),
);
const offered = RATES.map((perSecond): Cell => {
  const most = { concurrency: MOST_CONNECTIONS, bodyBytes: MIDDLE.bodyBytes };
  return { ...most, manner: { kind: "whole" }, everyone: true, perSecond, newcomers: 0 };
});
/** So many at once before a router that has all it can do. */
const crowded: Cell = {
  ...MIDDLE,
  manner: { kind: "whole" },
  everyone: true,
  perSecond: null,
  newcomers: 512,
};

export const CELLS: readonly Cell[] = [...offered, ...whole, ...flatOut, ...paced, crowded];

/** One of each manner and concurrency. */
export const QUICK_CELLS: readonly Cell[] = CELLS.filter(({ bodyBytes }) => bodyBytes === MIDDLE.bodyBytes);

/** What every router is warmed up on. */
export const WARM_UP_CELLS: readonly Cell[] = [...whole, ...flatOut].filter(
  (cell) => cell.concurrency === MIDDLE.concurrency && cell.bodyBytes === MIDDLE.bodyBytes,
);

/** Until streams are as many as they will be, and are spread evenly over their length. */
export function warmUpMs({ manner }: Cell): number {
  return manner.kind === "paced" ? STREAM_FRAMES * manner.ms : WARM_UP_MS;
}

export function cellName({ manner, concurrency, bodyBytes, perSecond, newcomers }: Cell): string {
  const answer = manner.kind === "paced" ? `frames ${manner.ms} ms apart, ${manner.phase}` : manner.kind;
  const clients = perSecond === null ? `${concurrency} × ${bodyBytes} B` : `${perSecond}/s × ${bodyBytes} B`;
  return `${answer}, ${clients}${newcomers === 0 ? "" : `, ${newcomers} more at once`}`;
}

/** Every concurrency with every body; everyone where one of the two is the middle one, and the body is not streamed. */
function cross(manner: Manner): Cell[] {
  return CONCURRENCIES.flatMap((concurrency) =>
    BODIES.map((bodyBytes) => {
      const middles = Number(concurrency === MIDDLE.concurrency) + Number(bodyBytes === MIDDLE.bodyBytes);
      return {
        manner,
        concurrency,
        bodyBytes,
        ...CLOSED,
        everyone: middles >= (manner.kind === "whole" ? 1 : 2),
      };
    }),
  );
}

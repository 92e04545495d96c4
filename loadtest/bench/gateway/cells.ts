import { STREAM_FRAMES } from "./mock-answers.ts";

/** How an engine answers: whole, or in frames that follow each other at once or so many milliseconds apart. */
export type Manner =
  | { readonly kind: "whole" }
  | { readonly kind: "flat out" }
  | { readonly kind: "paced"; readonly ms: number };

/** One point of measurement. */
export interface Cell {
  readonly manner: Manner;
  /** Requests in flight at all times: each is followed by the next. */
  readonly concurrency: number;
  readonly bodyBytes: number;
  /** Whether every router is measured there, or the reference ones alone. */
  readonly everyone: boolean;
}

const CONCURRENCIES = [1, 64, 512];
const BODIES = [200, 2048, 16_384];
const MIDDLE = { concurrency: 64, bodyBytes: 2048 };
/** So that 512 streams come to 25,600 frames a second. */
const PACED = [
  { concurrency: 64, ms: 10 },
  { concurrency: 512, ms: 20 },
];
/** Time for connections to open, where streams need none of their own. */
const WARM_UP_MS = 400;

const whole = cross({ kind: "whole" });
const flatOut = cross({ kind: "flat out" });
const paced = PACED.map(({ concurrency, ms }): Cell => {
  return { manner: { kind: "paced", ms }, concurrency, bodyBytes: MIDDLE.bodyBytes, everyone: true };
});

export const CELLS: readonly Cell[] = [...whole, ...flatOut, ...paced];

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

export function cellName({ manner, concurrency, bodyBytes }: Cell): string {
  const answer = manner.kind === "paced" ? `frames ${manner.ms} ms apart` : manner.kind;
  return `${answer}, ${concurrency} × ${bodyBytes} B`;
}

/** Every concurrency with every body; everyone where one of the two is the middle one, and the body is not streamed. */
function cross(manner: Manner): Cell[] {
  return CONCURRENCIES.flatMap((concurrency) =>
    BODIES.map((bodyBytes) => {
      const middles = Number(concurrency === MIDDLE.concurrency) + Number(bodyBytes === MIDDLE.bodyBytes);
      return { manner, concurrency, bodyBytes, everyone: middles >= (manner.kind === "whole" ? 1 : 2) };
    }),
  );
}

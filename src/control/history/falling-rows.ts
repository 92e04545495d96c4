/** What was so in a span of time, which begins at a multiple of its length. */
export interface Row {
  /** Its beginning, seconds since 1970. */
  readonly atS: number;
  readonly seconds: number;
}

/** Makes of two rows one. In whichever order rows are put together, the same comes out. */
export type Together<R extends Row> = (a: R, b: R) => Omit<R, keyof Row>;

/** Rows of so many seconds are kept for so long. */
interface Resolution {
  readonly seconds: number;
  readonly keptS: number;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Each divides the next. */
const FALLING: readonly Resolution[] = [
  { seconds: 1, keptS: 10 * MINUTE },
  { seconds: 10, keptS: HOUR },
  { seconds: MINUTE, keptS: 24 * HOUR },
];

/** Another clock's rows may lie so far ahead; what lies further was written before a clock was set back. */
const AHEAD_S = MINUTE;

/**
 * The same history at its falling resolution: rows become coarser with age, and go after a day. At most 2,300 are left
 * of rows of a second: some 600, then 310 of ten seconds, then 1,381 of a minute.
 * @param rows ascending
 */
export function fallen<R extends Row>(rows: readonly R[], nowS: number, together: Together<R>): R[] {
  const kept = rows.filter((row) => isKept(row, nowS));
  return grouped(kept, (row) => secondsAt(row, nowS), together);
}

/** It is not older than a day, nor of a time that has not come. */
export function isKept({ atS }: Row, nowS: number): boolean {
  const oldest = FALLING[FALLING.length - 1];
  return endOf(atS, oldest.seconds) > nowS - oldest.keptS && atS <= nowS + AHEAD_S;
}

/** @param seconds one of 1, 10 and multiples of 60; rows that are coarser stay as they are */
export function inSteps<R extends Row>(rows: readonly R[], seconds: number, together: Together<R>): R[] {
  return grouped(rows, (row) => Math.max(seconds, row.seconds), together);
}

/** How long a row should be: whole rows of the next resolution go there together. */
export function secondsAt({ atS, seconds }: Row, nowS: number): number {
  let coarsest = seconds;
  for (let i = 1; i < FALLING.length; i++) {
    const { seconds: longer } = FALLING[i];
    if (endOf(atS, longer) <= nowS - FALLING[i - 1].keptS) coarsest = Math.max(coarsest, longer);
  }
  return coarsest;
}

/** When the row of so many seconds ends that this time is in. */
function endOf(atS: number, seconds: number): number {
  return Math.floor(atS / seconds) * seconds + seconds;
}

function grouped<R extends Row>(
  rows: readonly R[],
  secondsOf: (row: R) => number,
  together: Together<R>,
): R[] {
  const groups: R[] = [];
  for (const row of rows) {
    const seconds = secondsOf(row);
    const atS = Math.floor(row.atS / seconds) * seconds;
    const last = groups.at(-1);
    if (last !== undefined && last.atS === atS && last.seconds === seconds)
      groups[groups.length - 1] = { ...together(last, row), atS, seconds } as R;
    else groups.push(row.seconds === seconds ? row : { ...row, atS, seconds });
  }
  return groups;
}

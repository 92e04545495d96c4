import { type Row, isKept, secondsAt } from "./falling-rows.ts";

/** The past of a pool's GPUs is stored in parts of so long, so that little is written again and only what is asked for read. */
export const PART_S = 300;
const MINUTE = 60;
const NAME = /^(\d{1,12})\/(\d{1,5})\/([0-9a-f]{1,32})$/;

/** One part: what one leader has written of its time. Several of the same time are put together by whoever reads them. */
export interface Part extends Row {
  readonly name: string;
}

/** Where the part begins that a time lies in. @param atS seconds since 1970 */
export function partAt(atS: number): number {
  return Math.floor(atS / PART_S) * PART_S;
}

/** @param seconds of its rows @param writer a word of hexadecimal digits that no other leader uses */
export function partName(atS: number, seconds: number, writer: string): string {
  return `${atS}/${seconds}/${writer}`;
}

/** Those of the names that are known here, in the order of their times. */
export function partsOf(names: readonly string[]): readonly Part[] {
  const parts: Part[] = [];
  for (const name of names) {
    const found = NAME.exec(name);
    if (found !== null) parts.push({ name, atS: Number(found[1]), seconds: Number(found[2]) });
  }
  return parts.toSorted((a, b) => a.atS - b.atS);
}

/** Those that may have rows that begin from `from` on and before `to`, ms since 1970. */
export function partsWithin(parts: readonly Part[], from: number, to: number): readonly Part[] {
  return parts.filter(({ atS }) => (atS + PART_S) * 1000 > from && atS * 1000 < to);
}

/** It is too old to be kept, or its time has not come. */
export function isOver({ atS, seconds }: Row, nowS: number): boolean {
  const lastAt = Math.min(atS + PART_S - MINUTE, Math.max(atS, nowS));
  return !isKept({ atS: lastAt, seconds }, nowS);
}

/** How long its rows should be at this time; all of them change at once. */
export function partSeconds({ atS, seconds }: Row, nowS: number): number {
  return secondsAt({ atS: atS + PART_S - MINUTE, seconds }, nowS);
}

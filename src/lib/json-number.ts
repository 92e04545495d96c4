/** JSON's numbers, byte by byte, as a machine of states: 0 is none of them. */

/** What a byte is to a number: a column below; 7 for what is in none. */
const COLUMN = new Uint8Array(256).fill(7);
for (const [column, bytes] of ["0", "123456789", ".", "eE", "-", "+"].entries())
  for (const byte of bytes) COLUMN[byte.charCodeAt(0)] = column;

/** The state that each leads to; 0 for nowhere. */
const NEXT = Uint8Array.from(
  [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [3, 4, 0, 0, 2, 0, 0, 0], // 1: it begins
    [3, 4, 0, 0, 0, 0, 0, 0], // 2: after a minus
    [0, 0, 5, 7, 0, 0, 0, 0], // 3: a zero before the point
    [4, 4, 5, 7, 0, 0, 0, 0], // 4: other digits before it
    [6, 6, 0, 0, 0, 0, 0, 0], // 5: the point
    [6, 6, 0, 7, 0, 0, 0, 0], // 6: digits after it
    [9, 9, 0, 0, 8, 8, 0, 0], // 7: the e
    [9, 9, 0, 0, 0, 0, 0, 0], // 8: its sign
    [9, 9, 0, 0, 0, 0, 0, 0], // 9: its digits
  ].flat(),
);

/** The state before the first byte of a number. */
export const NUMBER_BEGINS = 1;

/** @returns the state that a byte leads to; 0 when it cannot follow */
export function nextOfNumber(state: number, byte: number): number {
  return NEXT[state * 8 + COLUMN[byte]];
}

/** Whether a number may end in that state. */
export function endsNumber(state: number): boolean {
  return state === 3 || state === 4 || state === 6 || state === 9;
}

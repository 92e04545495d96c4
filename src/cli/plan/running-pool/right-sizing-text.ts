import { plain } from "../plan-text.ts";
import type { Answered } from "./right-sizing-report.ts";
import { changeRows, leadText, modelRows, nowRows, roomRows } from "./right-sizing-words.ts";

/** For a terminal. */
export function rightSizingText(answered: Answered): string {
  return [
    leadText(answered),
    `Now, as measured\n${plain(nowRows(answered))}`,
    `The model beside it, for this layout and load\n${plain(modelRows(answered))}`,
    `Room\n${plain(roomRows(answered))}`,
    `What to change, and what it is worth\n${plain(changeRows(answered))}`,
  ].join("\n\n");
}

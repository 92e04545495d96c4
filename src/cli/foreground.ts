import { readFileSync } from "node:fs";

/** Of the fields of /proc/self/stat behind the program's name: this process's group, and the one its terminal listens to. */
const GROUP = 2;
const TERMINALS_GROUP = 5;

/**
 * Whether the terminal's keys are for this process: one in the background that touches them is stopped by the system.
 * Where the system does not say, it is taken to be so.
 */
export function inForeground(): boolean {
  let stat: string;
  try {
    stat = readFileSync("/proc/self/stat", "utf8");
  } catch {
    return true;
  }
  // The name stands in parentheses, and may have spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[GROUP] === fields[TERMINALS_GROUP];
}

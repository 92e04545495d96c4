import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder, and those above it that are missing, one after the other: `mkdir` with `recursive` never returns where
 * none can be made and the one above is there, as in /proc.
 * @returns the outermost that was made; null where it is there
 * @throws what the system says
 */
export function makeFolder(path: string): string | null {
  const missing: string[] = [];
  for (let folder = resolve(path); statSync(folder, { throwIfNoEntry: false }) === undefined; ) {
    missing.push(folder);
    folder = dirname(folder);
  }
  for (const folder of missing.toReversed()) make(folder);
  return missing.at(-1) ?? null;
}

/** Another process may have been quicker. */
function make(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

import { readFileSync, readdirSync } from "node:fs";

const KILO = 1024;

/** Of this process, as Linux' proc(5) has it; null where there is no such thing. */
export function virtualMemoryBytes(): number | null {
  const kilobytes = lineOf("/proc/self/status", /^VmSize:\s*(\d+) kB$/m);
  return kilobytes === null ? null : kilobytes * KILO;
}

/** The soft limit; null also where there is none. */
export function mostOpenFiles(): number | null {
  return lineOf("/proc/self/limits", /^Max open files\s+(\d+)\s/m);
}

export function openFiles(): number | null {
  try {
    // The folder itself is open while it is read.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return null;
  }
}

function lineOf(file: string, pattern: RegExp): number | null {
  try {
    const found = pattern.exec(readFileSync(file, "utf8"));
    return found === null ? null : Number(found[1]);
  } catch {
    return null;
  }
}

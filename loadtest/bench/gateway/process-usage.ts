import { readdirSync, readFileSync } from "node:fs";

/** Ticks of /proc's times in a second: the same on every Linux. */
const TICKS = 100;

/** A process and all that came from it; empty for null. Linux alone. */
export function processTree(root: number | null): number[] {
  if (root === null) return [];
  const children = Map.groupBy(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const fields = statFields(Number(name));
        return fields === null ? [] : [{ pid: Number(name), parent: Number(fields[PARENT]) }];
      }),
    ({ parent }) => parent,
  );
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []).map((child) => child.pid));
  return tree;
}

/** What the processes' threads have computed so far, in user and kernel mode. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields !== null) ticks += Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME]);
  }
  return ticks / TICKS;
}

/** Memory the processes hold; what they share counts for each. */
export function residentBytes(pids: readonly number[]): number {
  let kilobytes = 0;
  for (const pid of pids) {
    const status = processFile(pid, "status");
    kilobytes += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status ?? "")?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

/** Memory the processes hold, each page of several divided among those that share it (proportional set size). */
export function proportionalBytes(pids: readonly number[]): number {
  let kilobytes = 0;
  for (const pid of pids) {
    const rollup = processFile(pid, "smaps_rollup");
    kilobytes += Number(/^Pss:\s+(\d+) kB$/m.exec(rollup ?? "")?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

// Of proc(5)'s stat, counted from the field after the command's name.
const PARENT = 1;
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/** Null for a process that is gone. The name stands in parentheses and may hold anything. */
function statFields(pid: number): string[] | null {
  const stat = processFile(pid, "stat");
  return stat === null ? null : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function processFile(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return null;
  }
}

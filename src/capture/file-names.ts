import { readdirSync, rmSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/** `capture-TIME-HOST-PID-NUMBER.jsonl`, `.gz` behind it once it is compressed, `.PID.part` while it is being. */
const OURS = /^capture-\d{8}T\d{9}Z-.+-\d+-\d+\.jsonl(?<end>\.gz|\.\d+\.part)?$/;
/** A file to which nothing was written for so long is nobody's any more. */
const UNUSED_MS = 600_000;

interface Found {
  readonly path: string;
  readonly kind: "open" | "closed" | "part";
  readonly changedMs: number;
}

/** @param startMs when recording began, since 1970 @param number of the files since then */
export function openName(startMs: number, number: number): string {
  const time = new Date(startMs).toISOString().replaceAll(/[-:.]/g, "");
  const host = hostname().replaceAll(/[^A-Za-z0-9.-]/g, "_");
  return `capture-${time}-${host}-${process.pid}-${`${number}`.padStart(4, "0")}.jsonl`;
}

/** What processes that are gone have left open. */
export function unfinishedIn(directory: string, nowMs: number): readonly string[] {
  return filesIn(directory)
    .filter((file) => file.kind === "open" && isUnused(file, nowMs))
    .map(({ path }) => path);
}

/**
 * Removes the oldest files until there are so many at most; those that are written to stay.
 * @param full those that are not, whatever they look like
 */
export function makeRoom(directory: string, most: number, full: ReadonlySet<string>, nowMs: number): void {
  const files = filesIn(directory).sort((a, b) => a.changedMs - b.changedMs);
  for (const part of files)
    if (part.kind === "part" && isUnused(part, nowMs)) rmSync(part.path, { force: true });
  const whole = files.filter(({ kind }) => kind !== "part");
  let over = whole.length - most;
  for (const file of whole) {
    if (over <= 0) return;
    if (file.kind === "open" && !isUnused(file, nowMs) && !full.has(file.path)) continue;
    rmSync(file.path, { force: true });
    over--;
  }
}

function isUnused({ changedMs }: Found, nowMs: number): boolean {
  return nowMs - changedMs > UNUSED_MS;
}

function filesIn(directory: string): Found[] {
  return readdirSync(directory).flatMap((name) => {
    const match = OURS.exec(name);
    if (match === null) return [];
    const path = join(directory, name);
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (changedMs === undefined) return [];
    const end = match.groups?.end;
    const kind = end === undefined ? "open" : end === ".gz" ? "closed" : "part";
    return [{ path, kind, changedMs }];
  });
}

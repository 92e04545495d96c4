import { createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Command, InvalidArgumentError, Option } from "commander";
import { InputError } from "../../lib/errors.ts";
import { REQUEST_OUTCOMES } from "../../serving/traffic/traffic-observer.ts";
import { makeFolder } from "../make-folder.ts";
import { countOption, jsonOption } from "../options.ts";
import { output } from "../output.ts";
import { CapturedClasses } from "./captured-classes.ts";
import { type CapturedFile, type CapturedHeader, openCapturedFile } from "./captured-file.ts";
import { mergeCaptured } from "./merge-captured.ts";

interface MergeFlags {
  readonly out: string;
  readonly classes?: number;
  readonly outcomes?: readonly string[];
  readonly json?: true;
}

const CAPTURED = /^capture-.*\.jsonl(?:\.gz)?$/;
const MOST_CLASSES = 64;
/** Lines are written in pieces of about so many letters. */
const PIECE = 1 << 16;

/** `replay merge`: what gateways and their workers have recorded, as one trace. */
export function mergeCommand(): Command {
  return new Command("merge")
    .description("Merge traces that gateways have captured into one, in order of time.")
    .argument("<traces...>", "files, or folders of them")
    .requiredOption("--out <file>", "the trace (JSONL; ends in .gz: compressed)")
    .addOption(
      new Option(
        "--outcomes <words>",
        `only requests that ended so: some of ${REQUEST_OUTCOMES.join(",")}`,
      ).argParser(outcomesOf),
    )
    .addOption(
      countOption(
        "--classes <n>",
        "name requests by the experts that they used: experts-1, … at most so many",
      ),
    )
    .addOption(jsonOption())
    .action(merge);
}

function outcomesOf(text: string): readonly string[] {
  const words = text.split(",");
  const known: readonly string[] = REQUEST_OUTCOMES;
  if (words.every((word) => known.includes(word))) return words;
  throw new InvalidArgumentError(`Give some of ${known.join(", ")}, with commas between.`);
}

async function merge(paths: readonly string[], flags: MergeFlags): Promise<void> {
  const { result, progress } = output(flags.json ?? false);
  if ((flags.classes ?? 1) > MOST_CLASSES)
    throw new InputError("--classes", "", `is ${flags.classes}; give at most ${MOST_CLASSES}`);
  const names = (await Promise.all(paths.map(filesAt))).flat();
  const files: CapturedFile[] = [];
  try {
    const classes = flags.classes === undefined ? null : await CapturedClasses.learn(names, flags.classes);
    for (const name of names) files.push(await openCapturedFile(name));
    const counts = await writeMerged(files, flags, classes);
    for (const note of notesOf(files)) progress(note);
    if (classes !== null) progress(classesText(classes, counts));
    const named = classes === null ? {} : { classes: classes.count, classed: classes.requests };
    result({ ...reportOf(files, flags.out, counts), ...named }, textOf(files, flags.out, counts));
  } finally {
    for (const file of files) await file.close();
  }
}

interface Counts {
  requests: number;
  leftOut: number;
  endMs: number;
}

async function writeMerged(
  files: readonly CapturedFile[],
  { out, outcomes }: MergeFlags,
  classes: CapturedClasses | null,
): Promise<Counts> {
  const { startMs } = commonOf(files);
  const counts: Counts = { requests: 0, leftOut: 0, endMs: startMs };
  async function* pieces(): AsyncGenerator<string, void> {
    let piece = `${JSON.stringify(headerOf(files))}\n`;
    for await (const { atMs, rest, outcome } of mergeCaptured(files)) {
      if (outcomes?.includes(outcome) === false) {
        counts.leftOut++;
        continue;
      }
      counts.requests++;
      counts.endMs = atMs;
      piece += `{"timestamp_ms":${Math.round((atMs - startMs) * 1000) / 1000},${classes?.named(rest) ?? rest}\n`;
      if (piece.length < PIECE) continue;
      yield piece;
      piece = "";
    }
    yield piece;
  }
  await write(out, pieces());
  return counts;
}

function classesText({ count, requests: named }: CapturedClasses, { requests }: Counts): string {
  if (count === 0)
    return "no request names its experts: none has a class (docs/capture.md says which answers do)";
  return `${named} of ${requests} requests are in ${count} classes by their experts; the others name none`;
}

/** What a person should know, a line each. */
function notesOf(files: readonly CapturedFile[]): readonly string[] {
  const [broken, dropped, salts] = [brokenIn(files), droppedIn(files), saltsOf(files).length];
  return [
    ...(broken > 0 ? [`${broken} lines are not whole and left out, as of a process that was killed`] : []),
    ...(dropped > 0 ? [`${dropped} requests were not recorded: the trace has fewer than there were`] : []),
    ...(salts > 1
      ? [
          `the files have ${salts} salts: which requests begin alike is seen within each alone (capture.saltEnv)`,
        ]
      : []),
  ];
}

function reportOf(files: readonly CapturedFile[], out: string, { requests, leftOut, endMs }: Counts) {
  const { startMs } = commonOf(files);
  return {
    out,
    files: files.length,
    requests,
    leftOut,
    broken: brokenIn(files),
    dropped: droppedIn(files),
    salts: saltsOf(files).length,
    start: new Date(startMs).toISOString(),
    durationMs: endMs - startMs,
  };
}

function textOf(files: readonly CapturedFile[], out: string, counts: Counts): string {
  const { requests, start, durationMs } = reportOf(files, out, counts);
  return `${out}: ${requests} requests of ${files.length} files, in ${(durationMs / 1000).toFixed(1)} s from ${start} on`;
}

function brokenIn(files: readonly CapturedFile[]): number {
  return files.reduce((sum, file) => sum + file.broken(), 0);
}

/** The file itself, or those in the folder. */
async function filesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() !== true) return [path];
  const names = new Set(await readdir(path));
  // A file is there twice for the moment between its compressed form and its removal.
  const captured = [...names].filter((name) => CAPTURED.test(name) && !names.has(`${name}.gz`)).toSorted();
  if (captured.length === 0)
    throw new InputError(
      path,
      "",
      "is a folder without capture-….jsonl(.gz); name one that a gateway has written to",
    );
  return captured.map((name) => join(path, name));
}

function commonOf(files: readonly CapturedFile[]): Pick<CapturedHeader, "blockTokens" | "startMs"> {
  const [{ header: first }] = files;
  for (const { path, header } of files) {
    if (header.blockTokens === first.blockTokens) continue;
    const hint = `is ${header.blockTokens}, and ${first.blockTokens} in ${files[0].path}; merge files of one block size`;
    throw new InputError(path, "block_size", hint);
  }
  return { blockTokens: first.blockTokens, startMs: Math.min(...files.map(({ header }) => header.startMs)) };
}

/** It may be merged again. */
function headerOf(files: readonly CapturedFile[]) {
  const { startMs, blockTokens } = commonOf(files);
  return {
    format: "plimsoll.trace/1",
    start: new Date(startMs).toISOString(),
    start_ms: startMs,
    files: files.length,
    block_size: blockTokens,
    salt_id: saltsOf(files).join("+"),
    dropped: droppedIn(files),
    order: "arrival",
  };
}

function saltsOf(files: readonly CapturedFile[]): readonly string[] {
  return [...new Set(files.flatMap(({ header }) => header.saltId.split("+")))].toSorted();
}

function droppedIn(files: readonly CapturedFile[]): number {
  return files.reduce((sum, { header }) => sum + header.dropped, 0);
}

/** Whole or not at all. What was recorded is for its owner alone, and so is this. */
async function write(path: string, pieces: AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.${process.pid}.partial`;
  try {
    makeFolder(dirname(path));
    const file = createWriteStream(temporary, { mode: 0o600 });
    if (path.endsWith(".gz")) await pipeline(Readable.from(pieces), createGzip(), file);
    else await pipeline(Readable.from(pieces), file);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new InputError(path, "", `cannot be written (${code}); name a writable place`);
  }
}

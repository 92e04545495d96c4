import { open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { readRegularFile } from "../files/read-regular-file.ts";
import { InputError } from "../lib/errors.ts";
import { printable } from "../lib/printable.ts";
import { makeFolder } from "./make-folder.ts";

/** How a command talks: one JSON object or text on standard output; progress on standard error. */
export interface Output {
  readonly json: boolean;
  /** Says the command's result, once. */
  result(value: unknown, text: string): void;
  /** One line of progress; control characters in it, which may be others', are shown as escapes. */
  progress(line: string): void;
}

export function output(json: boolean): Output {
  return {
    json,
    result: (value, text) => process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`),
    progress: (line) => process.stderr.write(`${printable(line)}\n`),
  };
}

/** A routing trace of a million tokens of DeepSeek-V3 fits in. */
const MOST_BYTES = 1 << 30;

/** Reads a regular file whole; what the system says of a failure becomes one line naming the file. */
export function readInput(path: string): Promise<Uint8Array> {
  return readRegularFile(path, { mostBytes: MOST_BYTES, smaller: "give a smaller one", followLinks: true });
}

/** Writes a file whole or not at all: to a neighbour first, flushed, then renamed. */
export async function writeOutput(path: string, bytes: Uint8Array | string): Promise<void> {
  const there = await stat(path).catch(() => null);
  if (there !== null && !there.isFile()) {
    throw new InputError(path, "", "is no regular file, which would be replaced; name a file");
  }
  const temporary = `${path}.${process.pid}.partial`;
  try {
    makeFolder(dirname(path));
    const file = await open(temporary, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    throw new InputError(
      path,
      "",
      `cannot be written (${(error as NodeJS.ErrnoException).code}); name a writable place`,
    );
  }
}

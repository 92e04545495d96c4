import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { sortedLines } from "./sorted-lines.ts";

const compress = promisify(gzip);
/** Ids are as good as random, and hardly get shorter at a higher level, which takes three times as long. */
const COMPRESSION = { level: 1 };
const ONLY_OWNER = 0o600;

/**
 * Puts a compressed file, in order of arrival, in the place of one that nobody writes to any more. One that is gone by
 * then, for it was the oldest, stays gone.
 * @param more what else its header shall say
 * Rejects when that cannot be; then the file is as it was.
 */
export async function finish(path: string, more: Readonly<Record<string, unknown>>): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    const file = await readFile(path);
    await writeFile(part, await compress(sortedLines(file, more), COMPRESSION), {
      mode: ONLY_OWNER,
      flag: "wx",
    });
    await rename(part, `${path}.gz`);
    await rm(path);
  } catch (error) {
    await rm(part, { force: true });
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

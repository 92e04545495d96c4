import { constants, open, type FileHandle } from "node:fs/promises";
import { InputError } from "../lib/errors.ts";

export interface FileRules {
  readonly mostBytes: number;
  /** What to do about a larger file, as a message puts it. */
  readonly smaller: string;
  /** False where others write to the folder: a link there may lead anywhere. */
  readonly followLinks: boolean;
}

/**
 * Reads a file whole, in as many bytes as it has when it is opened. What is no regular file is refused unread: a pipe
 * may never have a writer, and a device may never end.
 * @throws InputError naming the file
 */
export async function readRegularFile(path: string, rules: FileRules): Promise<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, flags(rules));
    return await readWhole(file, path, rules);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ELOOP" && !rules.followLinks) throw notRegular(path, "a link");
    throw new InputError(path, "", `cannot be read (${code}); name a readable file`);
  } finally {
    await file?.close();
  }
}

/** To open a pipe that nobody writes to would wait for a writer. */
function flags({ followLinks }: FileRules): number {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
  return O_RDONLY | O_NONBLOCK | O_NOCTTY | (followLinks ? 0 : O_NOFOLLOW);
}

async function readWhole(file: FileHandle, path: string, rules: FileRules): Promise<Uint8Array> {
  const found = await file.stat();
  if (found.isDirectory()) throw notRegular(path, "a folder");
  if (!found.isFile()) throw notRegular(path, "a pipe, a socket or a device");
  const { size } = found;
  if (size > rules.mostBytes)
    throw new InputError(path, "", `has ${size} bytes, more than ${rules.mostBytes}; ${rules.smaller}`);
  const bytes = new Uint8Array(size);
  let held = 0;
  while (held < size) {
    const { bytesRead } = await file.read(bytes, held, size - held);
    if (bytesRead === 0) break;
    held += bytesRead;
  }
  return bytes.subarray(0, held);
}

function notRegular(path: string, what: string): InputError {
  return new InputError(path, "", `is ${what}; expected a regular file`);
}

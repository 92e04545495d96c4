import { constants, type FileHandle, open } from "node:fs/promises";
import { InputError } from "../lib/errors.ts";

/** A file that is open, and how large it was then. */
export interface OpenFile {
  readonly file: FileHandle;
  readonly size: number;
}

/**
 * Opens a regular file to be read. What is none is refused unread: a pipe may never have a writer, and a device may never
 * end.
 * @param followLinks false where others write to the folder: a link there may lead anywhere
 * @throws InputError naming the file
 */
export async function openRegularFile(path: string, followLinks: boolean): Promise<OpenFile> {
  const file = await open(path, flags(followLinks)).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ELOOP" && !followLinks ? notRegular(path, "a link") : unreadable(path, error);
  });
  try {
    const found = await file.stat();
    if (found.isDirectory()) throw notRegular(path, "a folder");
    if (!found.isFile()) throw notRegular(path, "a pipe, a socket or a device");
    return { file, size: found.size };
  } catch (error) {
    await file.close();
    throw unreadable(path, error);
  }
}

/** What the system says of a failure, as a line for a person; an InputError stays what it is. */
export function unreadable(path: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new InputError(path, "", `cannot be read (${code}); name a readable file`);
}

/** To open a pipe that nobody writes to would wait for a writer. */
function flags(followLinks: boolean): number {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
  return O_RDONLY | O_NONBLOCK | O_NOCTTY | (followLinks ? 0 : O_NOFOLLOW);
}

function notRegular(path: string, what: string): InputError {
  return new InputError(path, "", `is ${what}; expected a regular file`);
}

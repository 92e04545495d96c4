import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError } from "../../lib/errors.ts";
import { type SavedPool, decodePools, encodePools } from "./saved-pools.ts";
import { NoFile, readWhole, replaceWhole } from "./whole-file.ts";

/** What need not outlive the process at once is written so much later, with all that changed meanwhile. */
const LATER_MS = 1000;

/** @returns nothing where there is no file yet; @throws InputError that names the file and what is wrong */
export async function readStoreFile(path: string): Promise<SavedPool[]> {
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(path, "", `cannot be written (${code}); expected a path in a folder to write to`);
  }
  let content: Buffer | null;
  try {
    content = await readWhole(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = error instanceof NoFile ? message : code;
    throw new InputError(path, "", `cannot be read (${why}); expected a store's file`);
  }
  return content === null ? [] : decodePools(content, path);
}

/** Keeps pools in a file. A crash leaves the file as it was before or after a write, never between. */
export class StoreFile {
  readonly #path: string;
  readonly #pools: () => readonly SavedPool[];
  readonly #onOutcome: (fault: string | null) => void;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  /** A write that has not begun yet, and will hold what changes until it does. */
  #next: Promise<void> | null = null;
  #closed = false;

  /** @param onOutcome receives after every write why it failed; null when it succeeded */
  constructor(path: string, pools: () => readonly SavedPool[], onOutcome: (fault: string | null) => void) {
    this.#path = path;
    this.#pools = pools;
    this.#onOutcome = onOutcome;
  }

  /** Resolves when what there is now has been written, or could not be: then it is tried again. */
  write(): Promise<void> {
    if (this.#closed) return this.#writing;
    this.#next ??= this.#writeAfter(this.#writing);
    this.#writing = this.#next;
    return this.#next;
  }

  writeSoon(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => void this.write(), LATER_MS).unref();
  }

  /** Resolves when nothing is left to write, or it could not be written. The file may be another's then. */
  async close(): Promise<void> {
    const last = this.#timer === null ? this.#writing : this.write();
    this.#closed = true;
    await last;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #writeAfter(previous: Promise<void>): Promise<void> {
    await previous;
    this.#next = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    try {
      await replaceWhole(this.#path, Buffer.concat(encodePools(this.#pools())));
      this.#onOutcome(null);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === "ENOSPC" ? "ENOSPC, the disk is full" : (code ?? message);
      this.#onOutcome(
        `it cannot be written (${why}): the file is as it was, what changes is kept in memory and written once that is possible`,
      );
      this.writeSoon();
    }
  }
}

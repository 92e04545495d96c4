import { access, constants, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError } from "../../lib/errors.ts";
import { type SavedPool, decodePools, encodePools } from "./saved-pools.ts";

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
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    throw new InputError(path, "", `cannot be read (${code}); expected a store's file`);
  }
  return decodePools(content, path);
}

/** Keeps pools in a file. A crash leaves the file as it was before or after a write, never between. */
export class StoreFile {
  readonly #path: string;
  readonly #pools: () => readonly SavedPool[];
  readonly #onOutcome: (works: boolean) => void;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  /** A write that has not begun yet, and will hold what changes until it does. */
  #next: Promise<void> | null = null;

  /** @param onOutcome hears after every write whether it succeeded */
  constructor(path: string, pools: () => readonly SavedPool[], onOutcome: (works: boolean) => void) {
    this.#path = path;
    this.#pools = pools;
    this.#onOutcome = onOutcome;
  }

  /** Resolves when what there is now has been written, or could not be: then it is tried again. */
  write(): Promise<void> {
    this.#next ??= this.#writeAfter(this.#writing);
    this.#writing = this.#next;
    return this.#next;
  }

  writeSoon(): void {
    this.#timer ??= setTimeout(() => void this.write(), LATER_MS).unref();
  }

  /** Resolves when nothing is left to write. */
  async close(): Promise<void> {
    await (this.#timer === null ? this.#writing : this.write());
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #writeAfter(previous: Promise<void>): Promise<void> {
    await previous;
    this.#next = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    try {
      await this.#replace();
      this.#onOutcome(true);
    } catch {
      this.#onOutcome(false);
      this.writeSoon();
    }
  }

  async #replace(): Promise<void> {
    const content = Buffer.concat(encodePools(this.#pools()));
    const beside = `${this.#path}.next`;
    const file = await open(beside, "w", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, this.#path);
    const folder = await open(dirname(this.#path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

import { constants, lstat, open } from "node:fs/promises";
import type { DatabaseSync } from "node:sqlite";
import { InputError } from "../../lib/errors.ts";

/** What SQLite answers where another has the lock. */
const BUSY = 5;

/**
 * Keeps a file to one process. The lock is the kernel's, on an empty file beside it, which stays: it ends with its
 * process, however that ends, and holds between containers as well, whatever their process ids. Node has no call for
 * it; SQLite does, and takes it before a transaction.
 */
export class FileLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws InputError when another process has it, or it cannot be had here */
  static async take(path: string): Promise<FileLock> {
    const beside = `${path}.lock`;
    await makeEmpty(beside);
    // Not at the top: only who keeps a file needs it, and some versions of Node warn that it is new.
    const { DatabaseSync } = await import("node:sqlite");
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(beside, { timeout: 0 });
      database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      return new FileLock(database);
    } catch (error) {
      database?.close();
      if ((error as { readonly errcode?: number }).errcode !== BUSY) throw cannot(beside, error as Error);
      const hint = "give each gateway a file of its own, or let them share a Redis";
      throw new InputError(path, "", `is in use by another process, which holds ${beside}; ${hint}`);
    }
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

/** SQLite follows links: what lies there must be a file. */
async function makeEmpty(path: string): Promise<void> {
  const { O_CREAT, O_EXCL, O_WRONLY } = constants;
  try {
    await (await open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw cannot(path, error as Error);
    if (!(await lstat(path)).isFile()) throw new InputError(path, "", "is no file; move it away");
  }
}

function cannot(path: string, { message }: Error): InputError {
  return new InputError(path, "", `cannot be locked (${message}); expected a path in a folder to write to`);
}

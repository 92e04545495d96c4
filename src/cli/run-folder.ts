import {
  closeSync,
  fsyncSync,
  openSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InputError } from "../lib/errors.ts";
import { makeFolder } from "./make-folder.ts";

/** Characters kept back before a write: a line each would cost a call of the system. */
const BUFFER = 1 << 16;

/** A file that gets its name when the whole folder is finished. */
interface OpenFile {
  readonly path: string;
  readonly temporary: string;
  readonly descriptor: number;
  buffer: string;
}

/**
 * The files of one run: written under temporary names, a part at a time, and named all together at the end; a run that
 * fails, is stopped or ends its process leaves none of them. Synchronous, for a simulation does not wait.
 */
export class RunFolder<Name extends string> {
  readonly #path: string;
  readonly #files = new Map<Name, OpenFile>();
  /** The first folder that had to be made. */
  readonly #made: string | null;
  readonly #onExit = () => this.discard();

  /** @throws InputError where a file cannot be written, before anything is run */
  constructor(path: string, names: readonly Name[]) {
    this.#path = path;
    this.#made = folderAt(path);
    process.on("exit", this.#onExit);
    try {
      for (const name of names) this.#files.set(name, opened(join(path, name)));
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  write(name: Name, text: string): void {
    const file = this.#files.get(name);
    if (file === undefined) throw new Error(`${name} is not open`);
    file.buffer += text;
    if (file.buffer.length >= BUFFER) flush(file);
  }

  /** Gives every file its name. */
  finish(): void {
    for (const file of this.#files.values()) {
      flush(file);
      attempt(file.path, () => fsyncSync(file.descriptor));
    }
    for (const [name, { path, temporary, descriptor }] of this.#files) {
      attempt(path, () => {
        closeSync(descriptor);
        renameSync(temporary, path);
      });
      this.#files.delete(name);
    }
    process.off("exit", this.#onExit);
  }

  /** Leaves everything as it was before. */
  discard(): void {
    process.off("exit", this.#onExit);
    for (const { temporary, descriptor } of this.#files.values()) {
      quietly(() => closeSync(descriptor));
      quietly(() => unlinkSync(temporary));
    }
    this.#files.clear();
    if (this.#made === null) return;
    const outermost = this.#made;
    for (let folder = resolve(this.#path); folder.startsWith(outermost); folder = dirname(folder)) {
      quietly(() => rmdirSync(folder));
    }
  }
}

/** @returns the outermost folder that was made, or null */
function folderAt(path: string): string | null {
  if (path === "") throw new InputError("--out", "", "is empty; expected a folder");
  const made = attempt(path, () => makeFolder(path));
  if (!statSync(path).isDirectory()) throw new InputError(path, "", "is no folder; name one, or a new one");
  return made;
}

function opened(path: string): OpenFile {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) {
    throw new InputError(path, "", "is no regular file, which would be replaced; name another folder");
  }
  const temporary = `${path}.${process.pid}.partial`;
  return { path, temporary, descriptor: attempt(path, () => openSync(temporary, "w")), buffer: "" };
}

function flush(file: OpenFile): void {
  const bytes = Buffer.from(file.buffer);
  file.buffer = "";
  attempt(file.path, () => {
    for (let at = 0; at < bytes.length; ) at += writeSync(file.descriptor, bytes, at);
  });
}

/** What the system says of a failure becomes one line naming the file. */
function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(path, "", `cannot be written (${code}); name a writable place`);
  }
}

/** For what may be gone already. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Nothing to mend: it is not there, or not empty.
  }
}

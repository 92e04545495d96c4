import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { finish } from "./finish-file.ts";
import { makeRoom, openName, unfinishedIn } from "./file-names.ts";

const ONLY_OWNER = 0o600;
const ONLY_OWNER_FOLDER = 0o700;
/** Names that are tried. */
const MOST_NAMES = 1_000_000;

export interface FileTerms {
  readonly directory: string;
  /** Of one file, before it is compressed. */
  readonly maxFileBytes: number;
  /** In the directory, those of other processes with them. */
  readonly maxFiles: number;
  readonly header: () => string;
  /** When recording began, ms since 1970: in the files' names. */
  readonly startMs: number;
  /** Ms since 1970. */
  readonly now: () => number;
}

/** What became of some lines. */
export interface Written {
  readonly lines: number;
  readonly bytes: number;
  /** Why the others were not; null where all were. */
  readonly fault: Error | null;
}

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  readonly headerBytes: number;
  /** Whole lines: what is there beyond is none. */
  bytes: number;
}

/**
 * A bounded number of files of bounded size. The one that is written to grows by whole lines; it is sorted and
 * compressed once it is full, while the next one grows, and the oldest one goes. It waits for the disk: to be used in a
 * thread of its own.
 */
export class TraceFiles {
  readonly #terms: FileTerms;
  #file: OpenFile | null = null;
  #count = 0;
  /** Requests that came since the last file was full, and are in none. */
  #missing = 0;
  /** Files are compressed one after the other. */
  #finishing: Promise<void> = Promise.resolve();
  /** Those that are full and not compressed. */
  readonly #full = new Set<string>();
  readonly #onFault: (fault: Error) => void;

  /** @param onFault receives what keeps a full file from being compressed: it stays as it is */
  constructor(terms: FileTerms, onFault: (fault: Error) => void) {
    this.#terms = terms;
    this.#onFault = onFault;
  }

  /** @param lines each without a line feed @param dropped requests that are missing before them */
  write(lines: readonly string[], dropped: number): Written {
    const { maxFileBytes } = this.#terms;
    let written = 0;
    let bytes = 0;
    let fault: Error | null = null;
    this.#missing += dropped;
    for (let at = 0; at < lines.length; ) {
      try {
        const file = this.#openFile();
        const group = groupOf(lines, at, maxFileBytes - file.bytes);
        if (group.lines > 0) {
          this.#append(file, group.text);
          written += group.lines;
          bytes += group.bytes;
          at += group.lines;
        } else if (file.bytes > file.headerBytes) {
          this.#rotate();
        } else {
          fault = new Error(`a request's line is larger than capture.maxFileBytes, ${maxFileBytes}`);
          this.#missing++;
          at++;
        }
      } catch (error) {
        // The rest would find the disk as it is.
        fault = error as Error;
        this.#missing += lines.length - at;
        break;
      }
    }
    return { lines: written, bytes, fault };
  }

  /** Resolves when all is compressed. */
  async close(): Promise<void> {
    this.#rotate();
    await this.#finishing;
  }

  #openFile(): OpenFile {
    const open = this.#file;
    if (open !== null) {
      if (fstatSync(open.fd).nlink > 0) return open;
      // Somebody has removed it.
      this.#file = null;
      closeSync(open.fd);
    }
    const { directory, maxFiles, header, now } = this.#terms;
    makeDirectory(directory);
    for (const path of unfinishedIn(directory, now())) this.#finishLater(path, {});
    makeRoom(directory, maxFiles - 1, this.#full, now());
    const first = `${header()}\n`;
    const file: OpenFile = {
      ...this.#create(directory),
      headerBytes: Buffer.byteLength(first),
      bytes: 0,
    };
    try {
      this.#append(file, Buffer.from(first));
    } catch (error) {
      closeSync(file.fd);
      rmSync(file.path);
      throw error;
    }
    this.#file = file;
    return file;
  }

  /** A process that records anew within a millisecond finds its first name taken. */
  #create(directory: string): Pick<OpenFile, "path" | "fd"> {
    for (;;) {
      const path = join(directory, openName(this.#terms.startMs, ++this.#count));
      try {
        return { path, fd: openSync(path, "wx", ONLY_OWNER) };
      } catch (error) {
        if (!isThere(error) || this.#count > MOST_NAMES) throw error;
      }
    }
  }

  /** All of it or nothing. */
  #append(file: OpenFile, text: Buffer): void {
    const end = file.bytes + text.length;
    try {
      for (let at = 0; at < text.length; )
        at += writeSync(file.fd, text, at, text.length - at, file.bytes + at);
      file.bytes = end;
    } finally {
      if (file.bytes < end) ftruncateSync(file.fd, file.bytes);
    }
  }

  #rotate(): void {
    const file = this.#file;
    if (file === null) return;
    this.#file = null;
    closeSync(file.fd);
    this.#finishLater(file.path, { dropped: this.#missing });
    this.#missing = 0;
  }

  #finishLater(path: string, more: Readonly<Record<string, unknown>>): void {
    this.#full.add(path);
    this.#finishing = this.#finishing.then(() => this.#finish(path, more));
  }

  async #finish(path: string, more: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await finish(path, more);
      this.#full.delete(path);
    } catch (error) {
      this.#onFault(error as Error);
    }
  }
}

/** The one above must be there. Another process may be quicker. */
function makeDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false }) !== undefined) return;
  try {
    mkdirSync(directory, { mode: ONLY_OWNER_FOLDER });
  } catch (error) {
    if (!isThere(error)) throw error;
  }
}

function isThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EEXIST";
}

/** As many lines as there is room for. */
function groupOf(lines: readonly string[], from: number, room: number) {
  let bytes = 0;
  let end = from;
  for (; end < lines.length; end++) {
    const more = Buffer.byteLength(lines[end]) + 1;
    if (bytes + more > room) break;
    bytes += more;
  }
  const text = end === from ? Buffer.alloc(0) : Buffer.from(`${lines.slice(from, end).join("\n")}\n`);
  return { lines: end - from, bytes, text };
}

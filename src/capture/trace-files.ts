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

export interface FileTerms {
  readonly directory: string;
  /** Of one file, before it is compressed. */
  readonly maxFileBytes: number;
  /** In the directory, those of other processes with them. */
  readonly maxFiles: number;
  readonly header: () => string;
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
  /** Requests that are missing in it. */
  dropped: number;
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
    let missing = dropped;
    for (let at = 0; at < lines.length; ) {
      try {
        const file = this.#openFile();
        file.dropped += missing;
        missing = 0;
        const room = maxFileBytes - file.bytes;
        const group = groupOf(lines, at, room);
        if (group.lines > 0) {
          this.#append(file, group.text);
          written += group.lines;
          bytes += group.bytes;
          at += group.lines;
        } else if (file.bytes > file.headerBytes) {
          this.#rotate();
        } else {
          fault = new Error(`a request's line is larger than capture.maxFileBytes, ${maxFileBytes}`);
          file.dropped++;
          at++;
        }
      } catch (error) {
        // The rest would find the disk as it is.
        fault = error as Error;
        if (this.#file !== null) this.#file.dropped += lines.length - at;
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
    if (statSync(directory, { throwIfNoEntry: false }) === undefined)
      mkdirSync(directory, { mode: ONLY_OWNER_FOLDER });
    for (const path of unfinishedIn(directory, now())) this.#finishLater(path, {});
    makeRoom(directory, maxFiles - 1, this.#full, now());
    const path = join(directory, openName(now(), ++this.#count));
    const first = `${header()}\n`;
    const file: OpenFile = {
      path,
      fd: openSync(path, "wx", ONLY_OWNER),
      headerBytes: Buffer.byteLength(first),
      bytes: 0,
      dropped: 0,
    };
    try {
      this.#append(file, Buffer.from(first));
    } catch (error) {
      closeSync(file.fd);
      rmSync(path);
      throw error;
    }
    this.#file = file;
    return file;
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
    this.#finishLater(file.path, { dropped: file.dropped });
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

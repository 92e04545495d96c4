import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError } from "../lib/errors.ts";
import { openRegularFile, unreadable } from "./open-regular-file.ts";

const CHUNK_BYTES = 1 << 17;
const GZIP = [0x1f, 0x8b];

/** A file's bytes in parts, expanded where they are compressed by gzip. */
export interface FileChunks {
  /** Once; read no faster than they are taken. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Of the file, as it lies on the disk. */
  readonly size: number;
  /** How many of these have been read. */
  bytesRead(): number;
}

/**
 * Looks whether a file can be read in parts. It is open only while its chunks are taken.
 * @throws InputError naming the file, now or while it is read
 */
export async function findFileChunks(path: string): Promise<FileChunks> {
  const { file, size } = await openRegularFile(path, true);
  await file.close();
  let read = 0;
  const count = (bytes: number) => {
    read += bytes;
  };
  return { chunks: chunksOf(path, count), size, bytesRead: () => read };
}

/**
 * Reads a file whole, expanded.
 * @param mostBytes of what it expands to
 * @param smaller   what to do about a larger one, as a message puts it
 * @throws InputError naming the file
 */
export async function readExpanded(path: string, mostBytes: number, smaller: string): Promise<Uint8Array> {
  const { chunks, size } = await findFileChunks(path);
  if (size > mostBytes) {
    throw new InputError(path, "", `has ${size} bytes, more than ${mostBytes}; ${smaller}`);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of chunks) {
    length += part.length;
    if (length > mostBytes) {
      throw new InputError(path, "", `expands to more than ${mostBytes} bytes; ${smaller}`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}

async function* chunksOf(path: string, count: (bytes: number) => void): AsyncGenerator<Uint8Array, void> {
  // Unlike a FileHandle, a stream that nobody takes to its end is no error.
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    const raw = counted(stream, count);
    const { value: first } = await raw.next();
    if (first === undefined) return;
    if (GZIP.every((byte, i) => first[i] === byte)) yield* expanded(first, raw, path);
    else {
      yield first;
      yield* raw;
    }
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    stream.destroy();
  }
}

async function* counted(
  stream: AsyncIterable<Buffer>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer, undefined> {
  for await (const chunk of stream) {
    count(chunk.length);
    yield chunk;
  }
}

async function* expanded(
  first: Buffer,
  rest: AsyncIterable<Buffer>,
  path: string,
): AsyncGenerator<Uint8Array, void> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  pipeline(Readable.from(both(first, rest), { objectMode: false }), gunzip, () => {});
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !code.startsWith("Z_")) throw error;
    const what =
      code === "Z_BUF_ERROR" ? "is a gzip file that ends too early" : "is a gzip file that is damaged";
    throw new InputError(path, "", `${what}; is the file whole?`);
  }
}

async function* both(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  yield first;
  yield* rest;
}

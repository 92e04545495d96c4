import { StringDecoder } from "node:string_decoder";
import { findFileChunks } from "../../files/file-chunks.ts";
import { isObject, type JsonObject } from "../../formats/json.ts";
import { TextLines } from "../../formats/traces/text-lines.ts";
import { InputError } from "../../lib/errors.ts";

const FORMAT = "plimsoll.trace/1";
const TIME = /^\{"timestamp_ms":(\d+(?:\.\d+)?),/;
const OUTCOME = /,"outcome":"(\w+)"/;

/** What a captured trace says of itself. */
export interface CapturedHeader {
  /** From when times count, in ms since 1970. */
  readonly startMs: number;
  /** Tokens of a block of a prompt. */
  readonly blockTokens: number;
  /** Which salt made the ids and names. */
  readonly saltId: string;
  /** Requests that came and are missing, as far as that is known. */
  readonly dropped: number;
}

/** A line of it. */
export interface CapturedLine {
  /** Since 1970. */
  readonly atMs: number;
  /** What follows the time: `"input_length":…}`. */
  readonly rest: string;
  readonly outcome: string;
}

/** One file that a gateway has recorded, whatever its state: its lines in order of time. */
export interface CapturedFile {
  readonly path: string;
  readonly header: CapturedHeader;
  /** Once. */
  readonly lines: AsyncIterator<CapturedLine, void>;
  /** Lines that are broken, by now: such as the last one of a process that was killed. */
  broken(): number;
  /** It is read no further. */
  close(): Promise<void>;
}

/** @throws InputError naming the file, now or while it is read */
export async function openCapturedFile(path: string): Promise<CapturedFile> {
  const texts = textsOf(path);
  const close = async () => {
    await texts.return();
  };
  const first = await texts.next();
  const written = first.done === true ? {} : objectOf(first.value);
  const header = headerOf(written);
  if (header === null) {
    await close();
    throw new InputError(
      path,
      "line 1",
      `is no header of a captured trace; expected {"format":"${FORMAT}",…} as a gateway writes it`,
    );
  }
  const { startMs } = header;
  let broken = 0;
  async function* read(): AsyncGenerator<CapturedLine, void> {
    for await (const text of texts) {
      const line = lineOf(text, startMs);
      if (line === null) broken++;
      else yield line;
    }
  }
  const lines = written.order === "arrival" ? checked(read(), path) : sorted(read());
  return { path, header, lines, broken: () => broken, close };
}

async function* textsOf(path: string): AsyncGenerator<string, void, void> {
  const { chunks } = await findFileChunks(path);
  const lines = new TextLines(path);
  const utf8 = new StringDecoder("utf8");
  for await (const chunk of chunks) {
    for (const { text } of lines.push(utf8.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))))
      yield text;
  }
  for (const { text } of lines.end()) yield text;
}

function headerOf(row: JsonObject): CapturedHeader | null {
  const { format, start_ms: startMs, block_size: blockTokens, salt_id: saltId, dropped = 0 } = row;
  if (format !== FORMAT || typeof startMs !== "number" || typeof blockTokens !== "number") return null;
  if (typeof saltId !== "string" || typeof dropped !== "number") return null;
  return { startMs, blockTokens, saltId, dropped };
}

/** Null for what is none, or not whole. */
function lineOf(text: string, startMs: number): CapturedLine | null {
  const time = TIME.exec(text);
  if (time === null || !text.endsWith("}")) return null;
  const outcome = OUTCOME.exec(text)?.[1] ?? "";
  return { atMs: startMs + Number(time[1]), rest: text.slice(time[0].length), outcome };
}

/** A file that is not finished is in order of ends: it is held whole, which it may be, being one of several. */
async function* sorted(lines: AsyncIterable<CapturedLine>): AsyncGenerator<CapturedLine, void> {
  const all: CapturedLine[] = [];
  for await (const line of lines) all.push(line);
  yield* all.sort((a, b) => a.atMs - b.atMs);
}

async function* checked(
  lines: AsyncIterable<CapturedLine>,
  path: string,
): AsyncGenerator<CapturedLine, void> {
  let last = Number.NEGATIVE_INFINITY;
  for await (const line of lines) {
    if (line.atMs < last)
      throw new InputError(
        path,
        "timestamp_ms",
        "goes back, though the header says that lines are in order of arrival",
      );
    last = line.atMs;
    yield line;
  }
}

function objectOf(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

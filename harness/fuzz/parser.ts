import { InputError } from "../../src/lib/errors.ts";
import { Unreadable } from "../../src/lib/shape.ts";
import { InvalidRequest } from "../../src/serving/refusals.ts";

/** Something that reads bytes from elsewhere. */
export interface FuzzedParser {
  readonly name: string;
  /** What it is made for: it reads each of them. */
  readonly files: readonly Uint8Array[];
  /** Put into files besides single bytes. */
  readonly tokens?: readonly string[];
  /**
   * Reads bytes, which are its own, and throws a ParserFault where one of its promises does not hold.
   * @returns what it has made of them
   */
  readonly read: (bytes: Buffer) => unknown;
  /** Its own errors; those of files, of stored values and of requests if it has none. */
  readonly refusals?: readonly (abstract new (
    ...given: never[]
  ) => Error)[];
  /** Values that it makes of each byte at most; Infinity where it makes what another input asks for. */
  readonly valuesPerByte?: number;
  /** Inputs in a long run, beside one for others. */
  readonly weight?: number;
}

const REFUSALS = [InputError, Unreadable, InvalidRequest];
/** One line without control characters, surrogates or line separators. */
const LINE = /^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]{3,1500}$/u;
const FEW_VALUES = 60;
const VALUES_PER_BYTE = 8;

/** A parser did with bytes what none may do, or what it promises not to. */
export class ParserFault extends Error {
  override readonly name = "ParserFault";
}

/**
 * Has a parser read bytes.
 * @returns whether it took them
 * @throws ParserFault when it neither reads them nor refuses them in one clear line, or makes more of them than they hold
 */
export async function outcome(parser: FuzzedParser, bytes: Buffer): Promise<"read" | "refused"> {
  let made: unknown;
  try {
    const reading = parser.read(bytes);
    made = reading instanceof Promise ? await reading : reading;
  } catch (error) {
    return refused(parser, error);
  }
  const { valuesPerByte = VALUES_PER_BYTE } = parser;
  if (valuesPerByte === Number.POSITIVE_INFINITY) return "read";
  const values = countValues(made);
  const most = FEW_VALUES + valuesPerByte * bytes.length;
  if (values > most) throw new ParserFault(`makes ${values} values of ${bytes.length} bytes`);
  return "read";
}

function refused({ refusals = REFUSALS }: FuzzedParser, error: unknown): "refused" {
  if (error instanceof ParserFault) throw error;
  const isOwn = refusals.some((one) => error instanceof one);
  if (!(error instanceof Error) || !isOwn) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new ParserFault(`throws what is no refusal: ${words}`, { cause: error });
  }
  // A deep recursion is an accident, whatever class its error has.
  if (/call stack/i.test(error.message)) throw new ParserFault(`recurses without bounds: ${error.stack}`);
  if (!LINE.test(error.message))
    throw new ParserFault(`refuses in what is not one line: ${JSON.stringify(error.message)}`);
  return "refused";
}

/** Numbers and other values of all that can be reached; what is shared counts once. */
export function countValues(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value !== "object" || value === null || seen.has(value)) return 1;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return (value as Uint8Array).length + 1;
  const parts: readonly unknown[] = value instanceof Map ? [...value].flat() : Object.values(value);
  return parts.reduce<number>((sum, part) => sum + countValues(part, seen), 1);
}

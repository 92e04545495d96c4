import { readdirSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { readServegenClient } from "../../../src/formats/servegen/client.ts";
import { readTrace } from "../../../src/formats/trace.ts";
import { TraceParser } from "../../../src/formats/traces/trace-parser.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { type FuzzedParser, ParserFault } from "../parser.ts";
import { pieces } from "./pieces.ts";

const GOLDEN = new URL("../../../test/golden/traces/", import.meta.url);

const golden = (name: string) => readFileSync(new URL(name, GOLDEN));
const GOLDEN_TRACES = readdirSync(GOLDEN)
  .filter((name) => /\.(?:csv|jsonl?)$/.test(name))
  .map((name) => golden(name));
const TRACES = [
  ...GOLDEN_TRACES,
  Buffer.from(
    '{"session_id":"a","timestamp":1,"text_input":"a b","output_length":2}\n{"session_id":"a","delay":5,"text_input":"c","output_length":1}\n{"session_id":"b","timestamp":1,"messages":[{"role":"user","content":"d"}],"output_length":1}\n',
  ),
];
const WITH_TIMES = [
  Buffer.from("TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\n"),
  Buffer.from('{"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[0,7]}\n'),
  Buffer.from(
    '{"format":"plimsoll.trace/1","block_size":64}\n{"timestamp_ms":0,"input_length":64,"output_length":1,"hash_ids":[0],"session":"s","tenant":"t"}\n{"timestamp_ms":2,"output_length":1,"prompt":"a b"}\n',
  ),
];
const TOKENS = [
  "timestamp",
  "hash_ids",
  "input_length",
  "session_id",
  "TIMESTAMP,",
  "\n\n",
  ',""',
  "2023-11-16 ",
  "\ufeff",
];
const RATES = Buffer.from("0,0,0,,0,0\n600,0.5,1,Gamma,1,2\n1200,0.1,3,Weibull,0.4,0.3\n");
const LENGTHS = Buffer.from('{"600":{"input_tokens":"{100: 0.5, 200: 0.5}","output_tokens":"{10: 1.0}"}}');

/** Readers of traffic, whole and in parts. */
export const TRACE_PARSERS: readonly FuzzedParser[] = [
  {
    name: "trace",
    files: WITH_TIMES,
    tokens: TOKENS,
    read: (bytes) => readTrace(bytes, "f"),
    valuesPerByte: 16,
  },
  { name: "trace-in-parts", files: TRACES, tokens: TOKENS, read: readInParts, valuesPerByte: 16 },
  {
    name: "servegen-rates",
    files: [RATES],
    tokens: ["Gamma", "Weibull"],
    read: (bytes) => readServegenClient(0, { source: "f", bytes }, { source: "m", bytes: Buffer.from("{}") }),
  },
  {
    name: "servegen-lengths",
    files: [LENGTHS],
    tokens: ["input_tokens", "{1: "],
    read: (bytes) => readServegenClient(0, { source: "m", bytes: RATES }, { source: "f", bytes }),
  },
];

/** However it is cut, the same comes of it; of several faults another may be named. */
function readInParts(bytes: Buffer): unknown {
  const [whole, cut] = [readOf([bytes]), readOf(pieces(bytes))];
  if (whole instanceof InputError && cut instanceof InputError) throw whole;
  if (!isDeepStrictEqual(whole, cut)) throw new ParserFault("reads otherwise in parts");
  return whole;
}

function readOf(parts: readonly Uint8Array[]): unknown {
  const parser = new TraceParser("f", {});
  try {
    return [...parts.flatMap((part) => [...parser.push(part)]), ...parser.end()];
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

/** Bodies as clients of generating routes write them, and as nobody should. */
import fc from "fast-check";
import { changed, changes } from "./changed-bytes.ts";

/** What a client says of pairs and ranks must not reach an engine as it came. */
export const REMOVED = [
  "bootstrap_host",
  "bootstrap_port",
  "bootstrap_room",
  "bootstrap_pair_key",
  "kv_transfer_params",
  "disaggregated_params",
  "routed_dp_rank",
  "data_parallel_rank",
  "disagg_prefill_dp_rank",
  "data_parallel_rank_decode",
  "decode_dp_rank",
];

const MESSAGES = '[{"role":"user","content":"Grüße, 世界 🌍"}]';
const OWN: Readonly<Record<string, readonly [name: string, value: string]>> = {
  "/v1/chat/completions": ["messages", MESSAGES],
  "/v1/messages": ["messages", MESSAGES],
  "/v1/completions": ["prompt", '["one"]'],
  "/v1/responses": ["input", '"Say \\"content\\": \\"x\\""'],
  "/generate": ["text", '"x"'],
  "/v1/embeddings": ["input", '["a","b"]'],
};

export interface FuzzedBody {
  readonly path: string;
  /** Bytes as characters. */
  readonly body: string;
}

/** A name as JSON, some of its characters escaped. */
function spelled(name: string): fc.Arbitrary<string> {
  const way = fc.tuple(fc.nat(3), fc.boolean());
  return fc.array(way, { minLength: name.length, maxLength: name.length }).map((ways) => {
    const letters = ways.map(([escape, upper], i) => {
      if (escape > 0) return name[i];
      const hex = name.charCodeAt(i).toString(16).padStart(4, "0");
      return `\\u${upper ? hex.toUpperCase() : hex}`;
    });
    return `"${letters.join("")}"`;
  });
}

const odd = fc.constantFrom(
  ..."null true false 0 -0 -1 1 2 1e3 1e999 -1e-999 0.1 01 1. .5 +1 0x10 NaN Infinity 99999999999999999999 nonsense".split(
    " ",
  ),
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '"\\q"',
  '"a\nb"',
  "'x'",
  "undefined",
  "[]",
  "{}",
  "[,]",
  '{"a":}',
  "[}",
  "//x",
);
const deep = fc
  .tuple(fc.constantFrom("[", '{"a":', "[[{}],"), fc.nat(3000), fc.boolean())
  .map(([open, depth, closed]) => {
    const close = open === "[" ? "]" : open === '{"a":' ? "}" : "]";
    return open.repeat(depth) + "1" + (closed ? close.repeat(depth) : "");
  });
const huge = fc
  .tuple(fc.constantFrom("x", "é", "\\\\", '\\"', "😀", "data:image/png;base64,"), fc.nat(8000))
  .map(([text, times]) => `"${text.repeat(times)}"`);
const evil = fc.constantFrom(
  '"169.254.169.254"',
  '{"remote_host":"evil","do_remote_prefill":true}',
  "[1,2]",
  "66666",
  "0",
  "1",
  "null",
  '{"ctx_request_id":1}',
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.json({ stringUnit: "binary", maxDepth: 3 }) },
  { weight: 3, arbitrary: odd },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: huge },
);
const KNOWN = [
  "model",
  "stream",
  "n",
  "max_tokens",
  "user",
  "tools",
  "sampling_params",
  "previous_response_id",
];
const member = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...REMOVED).chain((name) => fc.tuple(spelled(name), evil)) },
  { weight: 3, arbitrary: fc.constantFrom(...KNOWN).chain((name) => fc.tuple(spelled(name), value)) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.json({ stringUnit: "binary", maxDepth: 0 }).filter((k) => k[0] === '"'),
      value,
    ),
  },
  { weight: 2, arbitrary: fc.constant(['"model"', '"small"'] as const) },
);

const TOKENS = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\ufeff",
  "\xff",
  "\xc3",
  "\0",
  "\n",
  '"model":',
  '"bootstrap_room":7,',
];

/** A whole body with odd fields in any place, or what comes of it when bytes of it are changed. */
export const fuzzedBody: fc.Arbitrary<FuzzedBody> = fc
  .tuple(
    fc.constantFrom(...Object.keys(OWN)),
    fc.array(member, { maxLength: 5 }),
    fc.nat(6),
    fc.constantFrom("", "", " ", "\r\n\t"),
    changes(3, TOKENS),
  )
  .map(([path, odds, place, space, edits]) => {
    const members = odds.map(([name, json]) => `${name}:${space}${json}`);
    members.splice(place, 0, `"model":${space}"small"`, `"${OWN[path][0]}":${OWN[path][1]}`);
    const whole = Buffer.from(`${space}{${members.join(`${space},`)}${space}}`);
    return { path, body: changed(whole, edits).toString("latin1") };
  });

/** The body as JSON.parse reads it; undefined where it does not. */
export function parsedJson(body: string): unknown {
  try {
    return JSON.parse(decoded(body));
  } catch {
    return undefined;
  }
}

/** @throws where it is no UTF-8 */
function decoded(body: string): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(body, "latin1"));
}

/**
 * Whether a body is no JSON for its top level alone: what stands in its strings, and in objects and arrays there, is for
 * the engine to judge.
 */
export function isBrokenAtTop(body: string): boolean {
  let text: string;
  try {
    text = decoded(body);
  } catch {
    return true;
  }
  let shown = "";
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
      if (at >= text.length) return true;
      if (depth < 2) shown += '""';
      continue;
    }
    if ("{[".includes(letter)) depth++;
    if (depth < 2) shown += letter;
    if ("}]".includes(letter) && --depth === 1) shown += "0";
  }
  const parsed = parsedJson(Buffer.from(shown).toString("latin1"));
  return typeof parsed !== "object" || parsed === null || Array.isArray(parsed);
}

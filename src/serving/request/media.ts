import { isSpace } from "../../lib/json-scanner.ts";

const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;
const SPACE = 0x20;

/** A part of base64 that is shorter is as well counted as text. */
const LEAST_BYTES = 512;
/** Of a string so much is looked at. */
const SAMPLE_BYTES = 256;
/** No name below is longer. */
const LONGEST_NAME_BYTES = 16;
/** Nor more white space before a value. */
const MOST_SPACE = 256;
const DATA_URL = Buffer.from('"data:');

/** Fields that hold text, whatever that looks like. */
const TEXTS = new Set(["text", "content", "prompt", "input", "messages", "query", "instructions", "system"]);
/** Fields that hold pictures, sounds and files in OpenAI's, Anthropic's and SGLang's requests, in base64 too. */
const MEDIA = new Set([
  "data",
  "file_data",
  "url",
  "image",
  "image_url",
  "image_data",
  "audio",
  "audio_url",
  "audio_data",
  "video",
  "video_url",
  "video_data",
  "b64_json",
]);

/** What base64 is written with, in URLs too, and the backslash that some put before a slash. */
const BASE64 = new Uint8Array(256);
for (const byte of Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\\"))
  BASE64[byte] = 1;

/**
 * Whether a JSON string, with its quotes, is a medium in place and no text: a `data:` URL, or base64 in a field for
 * media. Looks at its beginning, and at the name of its field.
 * @param outer the field of the body that it is, or is in
 */
export function isMedium(body: Buffer, start: number, end: number, outer: string): boolean {
  const sampled = Math.min(end - 1, start + SAMPLE_BYTES);
  if (isDataUrl(body, start)) {
    let at = start + 6;
    while (at < sampled && body[at] !== COMMA && body[at] !== SPACE) at++;
    return at < sampled && body[at] === COMMA && !TEXTS.has(fieldOf(body, start) ?? outer);
  }
  if (end - start < LEAST_BYTES) return false;
  for (let at = start + 1; at < sampled; at++) if (BASE64[body[at]] === 0) return false;
  return MEDIA.has(fieldOf(body, start) ?? outer);
}

function isDataUrl(body: Buffer, start: number): boolean {
  for (let i = 0; i < DATA_URL.length; i++) if (body[start + i] !== DATA_URL[i]) return false;
  return true;
}

/** The name of the field whose value begins there; null for an element of an array, or a long name. */
function fieldOf(body: Buffer, start: number): string | null {
  let at = beforeSpace(body, start);
  if (body[at] !== COLON) return null;
  const end = beforeSpace(body, at);
  at = end - 1;
  while (end - at <= LONGEST_NAME_BYTES && body[at] !== QUOTE) at--;
  return body[at] === QUOTE ? body.toString("latin1", at + 1, end) : null;
}

/** The last byte before that place which is no white space, of the few that anyone writes there. */
function beforeSpace(body: Buffer, place: number): number {
  let at = place - 1;
  while (place - at <= MOST_SPACE && isSpace(body[at])) at--;
  return at;
}

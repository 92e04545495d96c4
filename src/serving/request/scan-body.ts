import { isUtf8 } from "node:buffer";
import { JsonScanner, type StringListener, isSpace } from "../../lib/json-scanner.ts";
import { InvalidRequest } from "../refusals.ts";
import { type ByteRange, cutsOf } from "./cut-fields.ts";
import { isMedium } from "./media.ts";

/** What routing reads of a request's body. */
export interface BodyFields {
  /** Null when the body names none: it has no such field, `null` or an empty text. */
  readonly model: string | null;
  /** The most tokens it may generate, as it says; null when it sets no limit. */
  readonly maxTokens: number | null;
  /** Names the conversation, for servers that keep something of it. */
  readonly session: string | null;
  /** The response that this one goes on from. */
  readonly previousResponse: string | null;
  /** The data-parallel rank it asks for; −1 for none. */
  readonly rank: number;
  /** It asks for the experts that its tokens were routed to. */
  readonly routedExperts: boolean;
  /** The prompt, as JSON, from its first field to its last. */
  readonly prompt: ByteRange;
  /** Tools stand before the prompt in what the model reads. */
  readonly tools: ByteRange;
  /** Bytes of the prompt's fields without media in place, and how many such there are in the body. */
  readonly textBytes: number;
  readonly media: number;
  /** Fields that must not reach an engine as a client wrote them, each with the comma it leaves over. In their order. */
  readonly removed: readonly ByteRange[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;

const RANK = "routed_dp_rank";
const OLDER_RANK = "data_parallel_rank";

/** A name of the model, the conversation, a response; longer texts name nothing. */
const LONGEST_NAME_BYTES = 1024;
/** No name below is longer, each letter written as an escape of six bytes. */
const LONGEST_KEY_BYTES = 194;
/** No number of JSON with more digits is of use here. */
const LONGEST_NUMBER_BYTES = 400;
/** Sampling parameters are looked into up to this size; larger ones hold a grammar, and are the engine's to read. */
const LOOKED_INTO_BYTES = 65_536;
/** A body that repeats such fields more often is no honest one. */
const MOST_REMOVED = 64;

/** What a field of the body is to the gateway. */
type Role =
  | "model"
  | "limit"
  | "sampling"
  | "session"
  | "response"
  | "experts"
  | "prompt"
  | "tools"
  | "removed";
const ROLES = new Map<string, Role>();
function give(role: Role, ...names: readonly string[]): void {
  for (const name of names) ROLES.set(name, role);
}
give("model", "model");
give("limit", "max_tokens", "max_completion_tokens", "max_output_tokens");
give("sampling", "sampling_params");
give("session", "user", "prompt_cache_key");
give("response", "previous_response_id");
give("experts", "return_routed_experts");
give(
  "prompt",
  "messages",
  "prompt",
  "input",
  "text",
  "input_ids",
  "query",
  "text_1",
  "system",
  "instructions",
);
give("tools", "tools");
// What gateways and engines tell each other in bodies: of pairs of prefill and decode (SGLang's bootstrap, vLLM's KV
// transfer, TensorRT-LLM's disaggregation) and of ranks. A client's would reach into requests of others.
give(
  "removed",
  "bootstrap_host",
  "bootstrap_port",
  "bootstrap_room",
  "bootstrap_pair_key",
  "kv_transfer_params",
  "disaggregated_params",
);
give("removed", RANK, OLDER_RANK, "disagg_prefill_dp_rank", "data_parallel_rank_decode", "decode_dp_rank");

const NO_BODY = Buffer.alloc(0);
const NOWHERE: ByteRange = { start: 0, end: 0 };

/** Reads a body that is there as a whole. @throws InvalidRequest */
export function scanBody(body: Buffer): BodyFields {
  const scan = new BodyScan();
  scan.read(body);
  return scan.end();
}

/** What of the object is at hand, or comes next. */
const OBJECT = 0;
const FIRST_KEY = 1;
const KEY = 2;
const IN_KEY = 3;
const AFTER_KEY = 4;
const BEFORE_VALUE = 5;
const IN_VALUE = 6;
const AFTER_VALUE = 7;
const OVER = 8;

/**
 * Reads the top level of a JSON object while it arrives, and of its values only what routing needs; what lies deeper is
 * passed over unread, and the engine is its judge. Of a field named twice the last counts, as with every JSON parser
 * known to the engines, so that gateway and engine cannot read one body in two ways.
 */
export class BodyScan implements StringListener {
  readonly #scanner = new JsonScanner(this);
  #body: Buffer = NO_BODY;
  /** Read so far; and found to be UTF-8 so far. */
  #at = 0;
  #utf8 = 0;
  #stage = OBJECT;
  /** The field at hand; empty where its name is longer than any that is read. */
  #key = "";
  #role: Role | undefined;
  #keyStart = 0;
  #valueStart = 0;
  #model: string | null = null;
  #maxTokens: number | null = null;
  #session: string | null = null;
  #previousResponse: string | null = null;
  #rank = -1;
  #olderRank = -1;
  #routedExperts = false;
  #prompt = NOWHERE;
  #tools = NOWHERE;
  #promptBytes = 0;
  #media = 0;
  #mediaBytes = 0;
  readonly #removed: ByteRange[] = [];

  /** @param body all that has come: what was there before, and more. @throws InvalidRequest */
  read(body: Buffer): void {
    this.#body = body;
    const whole = body.length - brokenOffBytes(body);
    if (whole > this.#utf8) {
      if (!isUtf8(this.#utf8 === 0 && whole === body.length ? body : body.subarray(this.#utf8, whole)))
        throw notUtf8();
      this.#utf8 = whole;
    }
    while (this.#at < body.length) {
      if (this.#stage === IN_KEY) this.#inKey(body);
      else if (this.#stage === IN_VALUE) this.#inValue(body);
      else {
        const byte = body[this.#at];
        if (!isSpace(byte)) this.#stage = this.#token(byte);
        if (this.#stage !== IN_KEY && this.#stage !== IN_VALUE) this.#at++;
      }
    }
  }

  /** The body is all there. @throws InvalidRequest */
  end(): BodyFields {
    const body = this.#body;
    if (this.#utf8 < body.length) throw notUtf8();
    if (this.#stage === OBJECT) throw notAnObject();
    if (this.#stage !== OVER) throw malformed("it ends too soon");
    return {
      model: this.#model,
      maxTokens: this.#maxTokens,
      session: this.#session,
      previousResponse: this.#previousResponse,
      rank: this.#rank >= 0 ? this.#rank : this.#olderRank,
      routedExperts: this.#routedExperts,
      prompt: this.#prompt,
      tools: this.#tools,
      textBytes: this.#promptBytes - this.#mediaBytes,
      media: this.#media,
      removed: this.#removed.length === 0 ? this.#removed : cutsOf(body, this.#removed),
    };
  }

  /** @returns the stage that begins with that byte, or after it */
  #token(byte: number): number {
    switch (this.#stage) {
      case OBJECT:
        if (byte !== OPEN_BRACE) throw notAnObject();
        return FIRST_KEY;
      case FIRST_KEY:
      case KEY:
        if (byte === CLOSE_BRACE && this.#stage === FIRST_KEY) return OVER;
        if (byte !== QUOTE) throw malformed(`expected a field's name at byte ${this.#at}`);
        this.#keyStart = this.#at;
        this.#scanner.begin();
        return IN_KEY;
      case AFTER_KEY:
        if (byte !== COLON) throw malformed(`expected a colon at byte ${this.#at}`);
        return BEFORE_VALUE;
      case BEFORE_VALUE:
        this.#valueStart = this.#at;
        this.#scanner.begin();
        return IN_VALUE;
      case AFTER_VALUE:
        if (byte === CLOSE_BRACE) return OVER;
        if (byte !== COMMA) throw malformed(`expected a comma at byte ${this.#at}`);
        return KEY;
      default:
        throw malformed(`something follows the object at byte ${this.#at}`);
    }
  }

  #inKey(body: Buffer): void {
    const scanner = this.#scanner;
    const start = this.#keyStart;
    const end = (this.#at = scanner.take(body, this.#at, body.length));
    if (!scanner.over) return;
    this.#key = end - start > LONGEST_KEY_BYTES ? "" : this.#unquoted(start, end);
    this.#role = ROLES.get(this.#key);
    this.#stage = AFTER_KEY;
  }

  #inValue(body: Buffer): void {
    const scanner = this.#scanner;
    this.#at = scanner.take(body, this.#at, body.length);
    if (scanner.fault !== null) throw malformed(`${scanner.fault} at byte ${this.#at}`);
    if (!scanner.over) return;
    this.#stage = AFTER_VALUE;
    this.#value(this.#valueStart, this.#at);
  }

  #value(start: number, end: number): void {
    const first = this.#body[start];
    switch (this.#role) {
      case "prompt":
        // What stands between two of them is hashed along.
        this.#prompt = { start: this.#prompt.end === 0 ? start : this.#prompt.start, end };
        this.#promptBytes += end - start;
        return;
      case "model":
        this.#model = this.#modelName(start, end);
        return;
      case "limit":
        this.#maxTokens = this.#count(start, end) ?? this.#maxTokens;
        return;
      case "sampling":
        this.#maxTokens = this.#mostNewTokens(start, end) ?? this.#maxTokens;
        return;
      case "session":
        // Some clients send an empty one.
        if (first === QUOTE && end - start > 2) this.#session = this.#name(start, end);
        return;
      case "response":
        this.#previousResponse = first === QUOTE ? this.#name(start, end) : null;
        return;
      case "experts":
        this.#routedExperts = first === LETTER_T;
        return;
      case "tools":
        this.#tools = { start, end };
        return;
      case "removed":
        return this.#remove(start, end);
      default:
    }
  }

  #remove(start: number, end: number): void {
    const key = this.#key;
    if (key === RANK) this.#rank = this.#rankAt(start, end);
    else if (key === OLDER_RANK) this.#olderRank = this.#rankAt(start, end);
    if (this.#removed.length === MOST_REMOVED)
      throw new InvalidRequest(`\`${key}\` and its like are named more than ${MOST_REMOVED} times.`, key);
    this.#removed.push({ start: this.#keyStart, end });
  }

  /** @internal */
  longString(start: number, end: number): void {
    if (this.#stage !== IN_VALUE || !isMedium(this.#body, start, end, this.#key)) return;
    this.#media++;
    if (this.#role === "prompt") this.#mediaBytes += end - start;
  }

  #modelName(start: number, end: number): string | null {
    const first = this.#body[start];
    if (first === LETTER_N || (first === QUOTE && end - start === 2)) return null;
    if (first === QUOTE && end - start <= LONGEST_NAME_BYTES) return this.#unquoted(start, end);
    throw new InvalidRequest(
      `\`model\` must be a model's name: a text of at most ${LONGEST_NAME_BYTES} bytes.`,
      "model",
    );
  }

  /** @returns null for what is too long to be a name */
  #name(start: number, end: number): string | null {
    return end - start > LONGEST_NAME_BYTES ? null : this.#unquoted(start, end);
  }

  #number(start: number, end: number): number {
    return end - start > LONGEST_NUMBER_BYTES
      ? Number.NaN
      : Number(this.#body.toString("latin1", start, end));
  }

  #count(start: number, end: number): number | null {
    const value = this.#number(start, end);
    return value > 0 && Number.isFinite(value) ? value : null;
  }

  #rankAt(start: number, end: number): number {
    const value = this.#number(start, end);
    return Number.isSafeInteger(value) && value >= 0 ? value : -1;
  }

  /** SGLang's own route takes them by themselves, or one for each of several prompts. */
  #mostNewTokens(start: number, end: number): number | null {
    if (end - start > LOOKED_INTO_BYTES) return null;
    let parameters: unknown;
    try {
      parameters = JSON.parse(this.#body.toString("latin1", start, end));
    } catch {
      return null;
    }
    const all = (Array.isArray(parameters) ? parameters : [parameters]) as readonly unknown[];
    let most: number | null = null;
    for (const one of all) {
      if (typeof one !== "object" || one === null || !("max_new_tokens" in one)) continue;
      const { max_new_tokens: tokens } = one;
      if (typeof tokens === "number" && tokens > (most ?? 0) && Number.isFinite(tokens)) most = tokens;
    }
    return most;
  }

  /** The text of a JSON string with its quotes. */
  #unquoted(start: number, end: number): string {
    const text = this.#body.toString("utf8", start + 1, end - 1);
    if (!text.includes("\\")) return text;
    try {
      return JSON.parse(`"${text}"`) as string;
    } catch {
      throw malformed(`the string at byte ${start} has an unknown escape`);
    }
  }
}

/** Bytes at the end that begin a character and do not end it. */
function brokenOffBytes(body: Buffer): number {
  for (let back = 1; back <= 3 && back <= body.length; back++) {
    const byte = body[body.length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const bytes = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return back < bytes ? back : 0;
  }
  return 0;
}

function malformed(what: string): InvalidRequest {
  return new InvalidRequest(`The body is not valid JSON: ${what}.`, null);
}

function notUtf8(): InvalidRequest {
  return new InvalidRequest("The body is not valid UTF-8.", null);
}

function notAnObject(): InvalidRequest {
  return new InvalidRequest("The body must be a JSON object.", null);
}

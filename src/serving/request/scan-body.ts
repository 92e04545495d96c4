import { type FieldPlaces, MOST_FIELDS, PLACES } from "../../lib/json-fields.ts";
import { InvalidRequest } from "../refusals.ts";
import type { ByteRange } from "./cut-fields.ts";
import { isMedium } from "./media.ts";
import { ObjectScan } from "./object-scan.ts";
import { OLDER_RANK, RANK, ROLES, type Role } from "./body-roles.ts";

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
  /** That is named, and is too long to be read here. */
  readonly hasLongResponse: boolean;
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
  readonly fields: FieldPlaces;
  /** The numbers, from 0, of fields that must not reach an engine as a client wrote them. In their order. */
  readonly removed: readonly number[];
  /** The same with those that choose an answer's id. */
  readonly removedOfStored: readonly number[];
}

const QUOTE = 0x22;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;

/** A name of the model, the conversation, a response; longer texts name nothing. */
const LONGEST_NAME_BYTES = 1024;
/** No name below is longer, each letter written as an escape of six bytes. */
const LONGEST_KEY_BYTES = 194;
/** And none is shorter. */
const SHORTEST_KEY_BYTES = 6;
/** No number of JSON with more digits is of use here. */
const LONGEST_NUMBER_BYTES = 400;
/** Sampling parameters are looked into up to this size; larger ones hold a grammar, and are the engine's to read. */
const LOOKED_INTO_BYTES = 65_536;
/** A body that repeats such fields more often is no honest one. */
const MOST_REMOVED = 64;

const NOWHERE: ByteRange = { start: 0, end: 0 };

/** Reads a body that is there as a whole. @throws InvalidRequest */
export function scanBody(body: Buffer): BodyFields {
  const scan = new BodyScan();
  scan.read(body);
  return scan.end();
}

/**
 * Reads the top level of a JSON object while it arrives, and of its values only what routing needs; what lies deeper is
 * passed over unread, and the engine is its judge. Of a field named twice the last counts, as with every JSON parser
 * known to the engines, so that gateway and engine cannot read one body in two ways.
 */
export class BodyScan extends ObjectScan {
  /** The field at hand; empty where its name is longer or shorter than any that is read. */
  #key = "";
  #role: Role | null = null;
  #model: string | null = null;
  #maxTokens: number | null = null;
  #session: string | null = null;
  #previousResponse: string | null = null;
  #hasLongResponse = false;
  #rank = -1;
  #olderRank = -1;
  #routedExperts = false;
  #prompt = NOWHERE;
  #tools = NOWHERE;
  #promptBytes = 0;
  #media = 0;
  #mediaBytes = 0;
  readonly #fields: number[] = [];
  readonly #removed: number[] = [];
  readonly #removedOfStored: number[] = [];

  /** The body is all there. @throws InvalidRequest */
  end(): BodyFields {
    this.finish();
    return {
      model: this.#model,
      maxTokens: this.#maxTokens,
      session: this.#session,
      previousResponse: this.#previousResponse,
      hasLongResponse: this.#hasLongResponse,
      rank: this.#rank >= 0 ? this.#rank : this.#olderRank,
      routedExperts: this.#routedExperts,
      prompt: this.#prompt,
      tools: this.#tools,
      textBytes: this.#promptBytes - this.#mediaBytes,
      media: this.#media,
      fields: this.#fields,
      removed: this.#removed,
      removedOfStored: this.#removedOfStored,
    };
  }

  protected named(start: number, end: number): void {
    if (this.#fields.length === PLACES * MOST_FIELDS)
      throw new InvalidRequest(`The body has more than ${MOST_FIELDS} fields.`, null);
    this.#fields.push(start, end);
    const bytes = end - start;
    const known = bytes >= SHORTEST_KEY_BYTES && bytes <= LONGEST_KEY_BYTES;
    this.#key = known ? this.unquoted(start, end) : "";
    this.#role = ROLES.get(this.#key) ?? null;
  }

  protected valued(start: number, end: number): void {
    this.#fields.push(start, end);
    const first = this.body[start];
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
        this.#hasLongResponse = first === QUOTE && this.#previousResponse === null;
        return;
      case "id":
        return this.#cut(this.#removedOfStored);
      case "experts":
        this.#routedExperts = first === LETTER_T;
        return;
      case "tools":
        this.#tools = { start, end };
        return;
      case "removed":
        return this.#remove(start, end);
      case null:
    }
  }

  #remove(start: number, end: number): void {
    const key = this.#key;
    if (key === RANK) this.#rank = this.#rankAt(start, end);
    else if (key === OLDER_RANK) this.#olderRank = this.#rankAt(start, end);
    this.#cut(this.#removed);
    this.#cut(this.#removedOfStored);
  }

  /** The field at hand is among these. */
  #cut(removed: number[]): void {
    const key = this.#key;
    if (removed.length === MOST_REMOVED)
      throw new InvalidRequest(`\`${key}\` and its like are named more than ${MOST_REMOVED} times.`, key);
    removed.push(this.#fields.length / PLACES - 1);
  }

  protected holdsString(start: number, end: number): void {
    if (!isMedium(this.body, start, end, this.#key)) return;
    this.#media++;
    if (this.#role === "prompt") this.#mediaBytes += end - start;
  }

  #modelName(start: number, end: number): string | null {
    const first = this.body[start];
    if (first === LETTER_N || (first === QUOTE && end - start === 2)) return null;
    if (first !== QUOTE) throw new InvalidRequest("`model` must be a non-empty string.", "model");
    if (end - start <= LONGEST_NAME_BYTES) return this.unquoted(start, end);
    throw new InvalidRequest(`\`model\` is longer than ${LONGEST_NAME_BYTES} bytes.`, "model");
  }

  /** @returns null for what is too long to be a name */
  #name(start: number, end: number): string | null {
    return end - start > LONGEST_NAME_BYTES ? null : this.unquoted(start, end);
  }

  #number(start: number, end: number): number {
    return end - start > LONGEST_NUMBER_BYTES ? Number.NaN : Number(this.body.toString("latin1", start, end));
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
      parameters = JSON.parse(this.body.toString("latin1", start, end));
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
}

import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesDiscovery } from "../../config/discover-config.ts";
import type { Rng } from "../../lib/rng.ts";
import { SourceState } from "../source-state.ts";
import type { ServerSource, SourceListener } from "../source.ts";
import { ApiClient, type WatchEvent } from "./api-client.ts";
import { ApiFault, faultOf } from "./api-fault.ts";
import { type EndpointSlice, readEndpointSlice, serversOf } from "./endpoint-slices.ts";

/** How long to wait after a fault: twice as long after each in a row, half of it at random. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
const SHORT_WATCH_MS = 1000;
const MOST_RELISTS = 5;

/**
 * The EndpointSlices of a namespace that a label selector finds. They are listed once, then watched from that version on:
 *
 * - a watch that ends, or breaks, is taken up from the last version seen (that of a BOOKMARK too);
 * - a version that is too old (410, as a status or as an ERROR event) and anything that cannot be understood: listed
 *   anew, and what is not listed any more is gone;
 * - no answer, a refusal: said once, tried again after a pause; what was found last stays.
 */
export class KubernetesSource implements ServerSource {
  readonly what: string;
  readonly #terms: KubernetesDiscovery;
  readonly #listener: SourceListener;
  readonly #rng: Rng;
  readonly state: SourceState;
  readonly #stopping = new AbortController();
  readonly #client: ApiClient;
  /** By name, those that changed last at the end. */
  #slices = new Map<string, EndpointSlice>();
  /** Null where they have to be listed. */
  #version: string | null = null;
  #doubt: string | null = null;
  #faults = 0;
  /** Lists in a row that were too old before anything was seen to change. */
  #relists = 0;
  #going: Promise<void> = Promise.resolve();

  constructor(terms: KubernetesDiscovery, rng: Rng, listener: SourceListener) {
    this.what = `EndpointSlices of ${terms.namespace} (${terms.selector})`;
    this.#terms = terms;
    this.#listener = listener;
    this.#rng = rng;
    this.state = new SourceState(this.what, listener);
    this.#client = new ApiClient(terms, this.#stopping.signal);
  }

  async start(): Promise<void> {
    await this.#guarded(() => this.#list());
    this.#going = this.#goOn();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#going;
    await this.#client.reset();
  }

  async #goOn(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (this.#faults > 0 || this.#relists > 1) await this.#pause();
      if (!signal.aborted) await this.#guarded(() => (this.#version === null ? this.#list() : this.#watch()));
    }
  }

  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const gone = error instanceof ApiFault && error.gone;
      if (gone || !(error instanceof ApiFault)) this.#version = null;
      // Too old a version is no fault, unless that happens again and again.
      if (gone && this.#relists++ < MOST_RELISTS) return;
      this.#faults++;
      await this.#client.reset();
      // A watch that breaks is said only where another cannot be had.
      if (error instanceof ApiFault && error.status === 0 && this.#faults === 1 && this.#version !== null)
        return;
      this.state.failed(
        error instanceof ApiFault ? error.message : "cannot be read: the answer makes no sense",
      );
    }
  }

  async #list(): Promise<void> {
    const { items, resourceVersion } = await this.#client.list();
    this.#slices = new Map();
    for (const item of items) this.#take(item);
    this.#version = resourceVersion;
    this.#well();
  }

  async #watch(): Promise<void> {
    const beganMs = performance.now();
    let seen = false;
    for await (const event of this.#client.watch(this.#version as string)) {
      this.#apply(event);
      seen = true;
      this.#relists = 0;
      this.#well();
    }
    // A server that ends watches at once is not asked again at once.
    if (!seen && performance.now() - beganMs < SHORT_WATCH_MS) await this.#pause();
  }

  #apply({ type, object }: WatchEvent): void {
    if (type === "ERROR") {
      const { code = 0 } = (object ?? {}) as { readonly code?: number };
      throw faultOf(code, "watch", this.#terms.namespace, JSON.stringify(object));
    }
    const version = versionOf(object);
    if (type === "DELETED") this.#slices.delete(nameOf(object));
    else if (type === "ADDED" || type === "MODIFIED") this.#take(object);
    else if (type !== "BOOKMARK") throw new ApiFault("cannot be read: a watch says what is not known");
    this.#version = version;
  }

  #take(object: unknown): void {
    const slice = readEndpointSlice(object);
    const name = slice?.name ?? nameOf(object);
    this.#slices.delete(name);
    if (slice !== null) this.#slices.set(name, slice);
  }

  #well(): void {
    this.#faults = 0;
    const { endpoints, doubt } = serversOf(this.#slices.values(), this.#terms);
    if (doubt !== this.#doubt && doubt !== null) this.#listener.notice(`${this.what}: ${doubt}`, false);
    this.#doubt = doubt;
    this.state.found(endpoints);
  }

  async #pause(): Promise<void> {
    const most = Math.min(
      LONGEST_PAUSE_MS,
      FIRST_PAUSE_MS * 2 ** Math.max(0, this.#faults - 1, this.#relists - 2),
    );
    const ms = most * (0.5 + 0.5 * this.#rng.uniform());
    await sleep(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
  }
}

interface Named {
  readonly metadata?: { readonly name?: unknown; readonly resourceVersion?: unknown } | null;
}

function nameOf(object: unknown): string {
  const name = (object as Named | null)?.metadata?.name;
  return typeof name === "string" ? name : "";
}

function versionOf(object: unknown): string {
  const version = (object as Named | null)?.metadata?.resourceVersion;
  if (typeof version !== "string" || version === "")
    throw new ApiFault("cannot be read: a watch gives no resourceVersion");
  return version;
}

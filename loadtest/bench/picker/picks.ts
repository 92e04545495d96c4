import { Client, credentials } from "@grpc/grpc-js";
import { type RecordableHistogram, createHistogram } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { type Said, said } from "../../../harness/envoy/messages.ts";

const PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const asBytes = (bytes: Buffer): Buffer => bytes;
/** Conversations with prompts of their own, which go on and on. */
const PROMPTS = 256;
const CONNECTIONS = 4;
const FULL_DUPLEX = 4;
const MICROSECONDS = 1000;
/** A pick answers twice: the headers, and the body. */
const ANSWERS = 2;
/** How long a server takes to its answer, and to its end. */
const FIRST_MS = 20;
const REST_MS = 20;
const FRAME = 'data: {"choices":[{"delta":{"content":"word"}}]}\n\n';

export interface PickLoad {
  readonly picker: string;
  readonly perSecond: number;
  readonly seconds: number;
  readonly promptBytes: number;
}

export interface Picked {
  /** From the time that a request was due to be sent to its answer, in microseconds. */
  readonly times: RecordableHistogram;
  readonly picks: number;
  /** Answers without an endpoint, and streams that ended before. */
  readonly failed: number;
  /** How late requests were begun: the client's own doing. In microseconds. */
  readonly late: RecordableHistogram;
}

/** Asks a picker where to send requests, so many a second whether it answers or not, and reports a short answer of each. */
export class PickRun {
  readonly #load: PickLoad;
  readonly #clients: readonly Client[];
  readonly #asks: readonly (readonly Buffer[])[];
  readonly #answer: readonly Buffer[];
  readonly #times = createHistogram({ figures: 3 });
  readonly #late = createHistogram({ figures: 3 });
  #picks = 0;
  #failed = 0;

  constructor(load: PickLoad) {
    this.#load = load;
    this.#clients = Array.from(
      { length: CONNECTIONS },
      () => new Client(load.picker, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
    );
    this.#asks = Array.from({ length: PROMPTS }, (_, i) => requestOf(i, load.promptBytes).map(said));
    this.#answer = [
      said({
        response_headers: {
          headers: [
            [":status", "200"],
            ["content-type", "text/event-stream"],
          ],
        },
      }),
      said({ response_body: { body: FRAME } }),
      said({ response_body: { body: `${FRAME}data: [DONE]\n\n`, end_of_stream: true } }),
    ];
  }

  /** Resolves when the last is over. */
  async run(): Promise<Picked> {
    const { perSecond, seconds } = this.#load;
    const everyMs = 1000 / perSecond;
    const all: Promise<void>[] = [];
    const begun = performance.now();
    for (let i = 0; i < perSecond * seconds; ) {
      const due = begun + i * everyMs;
      const wait = due - performance.now();
      // A timer is late by a millisecond; what is due by then is sent together.
      if (wait > 0) await setTimeout(Math.ceil(wait));
      for (const now = performance.now(); i < perSecond * seconds && begun + i * everyMs <= now; i++)
        all.push(this.#ask(i, begun + i * everyMs));
    }
    await Promise.all(all);
    return { times: this.#times, picks: this.#picks, failed: this.#failed, late: this.#late };
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  async #ask(i: number, dueMs: number): Promise<void> {
    const call = this.#clients[i % CONNECTIONS].makeBidiStreamRequest(PROCESS, asBytes, asBytes);
    const over = Promise.withResolvers<void>();
    let answers = 0;
    const sentMs = performance.now();
    this.#late.record(micros(sentMs - dueMs));
    call.on("data", () => {
      if (++answers !== ANSWERS) return;
      this.#picks++;
      this.#times.record(micros(performance.now() - sentMs));
      void this.#answers((message) => call.write(message)).then(() => call.end());
    });
    call.on("error", () => {});
    call.on("status", () => {
      if (answers < ANSWERS) this.#failed++;
      over.resolve();
    });
    for (const message of this.#asks[i % PROMPTS]) call.write(message);
    await over.promise;
  }

  async #answers(write: (message: Buffer) => void): Promise<void> {
    await setTimeout(FIRST_MS);
    write(this.#answer[0]);
    write(this.#answer[1]);
    await setTimeout(REST_MS);
    write(this.#answer[2]);
  }
}

function requestOf(i: number, bytes: number): readonly Said[] {
  const text = `${i} `.repeat(Math.ceil(bytes / `${i} `.length)).slice(0, bytes);
  const body = JSON.stringify({ model: "small", stream: true, messages: [{ role: "user", content: text }] });
  const headers = [
    [":method", "POST"],
    [":path", "/v1/chat/completions"],
    [":authority", "gateway"],
    ["content-type", "application/json"],
    ["content-length", `${body.length}`],
    ["x-request-id", `request-${i}`],
    ["authorization", `Bearer key-${i % 16}`],
  ] as const;
  return [
    { request_headers: { headers }, modes: [FULL_DUPLEX, FULL_DUPLEX] },
    { request_body: { body, end_of_stream: true } },
  ];
}

function micros(ms: number): number {
  return Math.max(1, Math.round(ms * MICROSECONDS));
}

import { Worker } from "node:worker_threads";
import type { CapturedRequest, CaptureSink } from "../serving/capture/captured-request.ts";
import { type CaptureCounts, NOTHING_CAPTURED } from "../serving/capture/capture-counts.ts";
import { packed } from "./packed-requests.ts";
import type { WriterNews, WriterOrder, WriterTerms } from "./writer-messages.ts";
import { entryFile } from "../files/package-files.ts";

/** Requests go to the writer after so long, or once there are so many. */
const PAUSE_MS = 100;
const MOST_AT_ONCE = 256;
/** What may be on its way to the writer: some seconds of a busy gateway. */
const MOST_REQUESTS = 8192;
const MOST_BYTES = 32 << 20;
/** Of a request beside its prefix, body and experts. */
const LEAST_BYTES = 512;
/** A writer that is lost is replaced after so long. */
const AGAIN_AFTER_MS = 10_000;
/** How long the last file may take to be compressed when the gateway stops. */
const CLOSING_MS = 10_000;

/**
 * Hands requests to a thread that writes them, and never waits for it: while so much is on its way that there is no room
 * for more, further ones are dropped and counted.
 */
export class WriterQueue implements CaptureSink {
  readonly #terms: WriterTerms;
  /** Receives one line for a person when requests begin to be lost, and when they are written again. */
  readonly #onNotice: (line: string) => void;
  #counts: CaptureCounts = NOTHING_CAPTURED;
  #thread: Worker | null = null;
  #lostMs = Number.NEGATIVE_INFINITY;
  #waiting: CapturedRequest[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** Each message that the thread has not answered: requests, and their bytes. */
  readonly #sent: { readonly requests: number; readonly bytes: number }[] = [];
  #onTheWay = 0;
  #bytes = 0;
  #waitingBytes = 0;
  /** Dropped since the last message. */
  #dropped = 0;
  #fault: string | null = null;
  #closing = false;

  constructor(terms: WriterTerms, onNotice: (line: string) => void) {
    this.#terms = terms;
    this.#onNotice = onNotice;
  }

  get counts(): CaptureCounts {
    return this.#counts;
  }

  /** Why requests are not written now; null while they are. */
  get fault(): string | null {
    return this.#fault;
  }

  offer(request: CapturedRequest): void {
    if (this.#closing) return;
    const bytes = bytesOf(request);
    if (this.#onTheWay >= MOST_REQUESTS || this.#bytes + bytes > MOST_BYTES) return this.#drop();
    this.#onTheWay++;
    this.#bytes += bytes;
    this.#waitingBytes += bytes;
    this.#waiting.push(request);
    if (this.#waiting.length >= MOST_AT_ONCE) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), PAUSE_MS);
  }

  /** What is on its way is written, and the last file is finished; not for longer than the gateway may take to stop. */
  async close(): Promise<void> {
    this.#flush();
    this.#closing = true;
    const thread = this.#thread;
    if (thread === null) return;
    const gone = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
    this.#send(thread, { kind: "close" });
    const late = setTimeout(() => void thread.terminate(), CLOSING_MS);
    await gone;
    clearTimeout(late);
  }

  #drop(): void {
    this.#dropped++;
    this.#counts = { ...this.#counts, queueFull: this.#counts.queueFull + 1 };
    this.#say("the disk is slower than the traffic");
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const requests = this.#waiting;
    if (requests.length === 0) return;
    this.#waiting = [];
    const bytes = this.#waitingBytes;
    this.#waitingBytes = 0;
    this.#sent.push({ requests: requests.length, bytes });
    const thread = this.#open();
    if (thread === null) return this.#answered(0, 0, this.#fault);
    this.#send(thread, { kind: "requests", requests: packed(requests), dropped: this.#dropped });
    this.#dropped = 0;
  }

  #send(thread: Worker, order: WriterOrder): void {
    thread.postMessage(order);
  }

  /** Null while one that was lost is not replaced. */
  #open(): Worker | null {
    if (this.#thread !== null || performance.now() - this.#lostMs < AGAIN_AFTER_MS) return this.#thread;
    const thread = new Worker(entryFile("capture/writer-thread"), { workerData: this.#terms });
    // It holds nothing up: who stops the gateway closes it.
    thread.unref();
    thread.on("message", (news: WriterNews) => {
      if (news.kind === "written") this.#answered(news.requests, news.bytes, news.fault);
      else this.#onNotice(`capture: a file in ${this.#terms.directory} is not compressed (${news.fault})`);
    });
    thread.on("error", (error) => this.#lost(thread, (error as Error).message));
    thread.on("exit", () => this.#lost(thread, "its writer has ended"));
    this.#thread = thread;
    return thread;
  }

  #answered(requests: number, bytes: number, fault: string | null): void {
    const sent = this.#sent.shift();
    if (sent === undefined) return;
    this.#onTheWay -= sent.requests;
    this.#bytes -= sent.bytes;
    const counts = this.#counts;
    this.#counts = {
      ...counts,
      written: counts.written + requests,
      bytes: counts.bytes + bytes,
      unwritten: counts.unwritten + sent.requests - requests,
    };
    this.#say(fault);
  }

  /** What it has not answered is not written. */
  #lost(thread: Worker, why: string): void {
    if (this.#thread !== thread) return;
    this.#thread = null;
    this.#lostMs = performance.now();
    while (this.#sent.length > 0) this.#answered(0, 0, why);
  }

  /** Of a fault that goes on one line is enough. */
  #say(fault: string | null): void {
    if (fault !== null && this.#fault === null)
      this.#onNotice(`capture: ${this.#terms.directory}: requests are not recorded (${fault})`);
    if (fault === null && this.#fault !== null)
      this.#onNotice(`capture: ${this.#terms.directory}: requests are recorded again`);
    this.#fault = fault;
  }
}

function bytesOf({ prefix, body, routed }: CapturedRequest): number {
  return LEAST_BYTES + prefix.byteLength + (body?.byteLength ?? 0) + (routed?.experts.byteLength ?? 0);
}

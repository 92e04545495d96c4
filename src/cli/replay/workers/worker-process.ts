import { InputError } from "../../../lib/errors.ts";
import { loadOf } from "../../../replay/load/load-plan.ts";
import { partOf } from "../../../replay/load/share.ts";
import { Replay } from "../../../replay/replay.ts";
import type { RequestRecord } from "../../../replay/request-record.ts";
import { openRequests } from "../open-requests.ts";
import { sendingOptions } from "../player.ts";
import { readSettings } from "../settings.ts";
import type { Order, Said, SentError } from "./messages.ts";

/** One of several processes that share a load: reads the whole schedule, and plays its own part. */
const SEND_EVERY_MS = 100;
const NANOSECONDS = 1e6;

type Opening = Extract<Order, { kind: "open" }>;
type Playing = Extract<Order, { kind: "play" }>;

let play: ((order: Playing, signal: AbortSignal) => Promise<void>) | null = null;
let stop = new AbortController();

function say(said: Said): void {
  process.send?.(said);
}

async function open({ flags, model, share }: Opening): Promise<void> {
  const settings = readSettings(flags, process.env);
  const requests = await openRequests(flags, settings.requests);
  const maxInFlight = Math.max(1, partOf(settings.maxInFlight, share));
  const options = sendingOptions(flags, { ...settings, maxInFlight }, model, requests);
  play = async ({ plan, beginsAtNs, from }, signal) => {
    await requests.source.skipTo(from);
    const records: RequestRecord[] = [];
    const left = Number(beginsAtNs - process.hrtime.bigint()) / NANOSECONDS;
    const beginsAt = performance.now() + left;
    const replay = new Replay({
      ...options,
      beginsAt,
      load: loadOf(plan, requests.source, share),
      onRecord: (record) => records.push(withoutPrompt(record)),
    });
    const flush = (): void => say({ kind: "records", records: records.splice(0), live: replay.live() });
    const timer = setInterval(flush, SEND_EVERY_MS);
    try {
      await replay.run(signal);
    } finally {
      clearInterval(timer);
    }
    const endedMs = performance.now() - beginsAt;
    flush();
    const broken = requests.broken();
    say({
      kind: "done",
      parts: replay.parts(),
      endedMs,
      broken: broken === null ? null : sentError(broken),
      trace: { reading: requests.reading(), passes: requests.passes() },
      position: requests.source.position,
    });
  };
  say({ kind: "ready" });
}

/** What nobody reads of a record, and may be long, stays here. */
function withoutPrompt(record: RequestRecord): RequestRecord {
  const { prefixBlocks: _, prompt: __, messages: ___, ...request } = record.request;
  return { ...record, request };
}

function sentError(error: unknown): SentError {
  return { message: (error as Error).message, input: error instanceof InputError };
}

async function follow(order: Order): Promise<void> {
  if (order.kind === "stop") stop.abort();
  else if (order.kind === "open") await open(order);
  else {
    stop = new AbortController();
    await play?.(order, stop.signal);
  }
}

process.on("message", (order: Order) => {
  follow(order).catch((error: unknown) => say({ kind: "failed", error: sentError(error) }));
});
// Ctrl-C reaches every process of a terminal, and so do its end and what `timeout` sends: what they mean is said by the
// one that started this.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
process.on("disconnect", () => process.exit());

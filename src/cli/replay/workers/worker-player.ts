import { InputError } from "../../../lib/errors.ts";
import { clientsTogether } from "../../../replay/client/client-part.ts";
import { clientVerdict } from "../../../replay/client/verdict.ts";
import { countedTime } from "../../../replay/load/bounds.ts";
import type { LoadPlan } from "../../../replay/load/load-plan.ts";
import type { GoodputTargets } from "../../../replay/measures/goodput.ts";
import type { LiveMeasures } from "../../../replay/measures/live-measures.ts";
import { Measures } from "../../../replay/measures/measures.ts";
import type { ReplayFlags } from "../flags.ts";
import type { OnRecord, Played, Player, TraceState } from "../player.ts";
import { liveTogether } from "./live-together.ts";
import type { Said } from "./messages.ts";
import { receivedError, WorkerHandle } from "./worker-handle.ts";

/** Before the clock begins, so that every process has its first requests ready. */
const LEAD_MS = 250;
const NANOSECONDS = 1_000_000n;

type Done = Extract<Said, { kind: "done" }>;

interface Member {
  readonly handle: WorkerHandle;
  /** Waited for: an answer to the last order. Resolves to null when the process is gone. */
  answer: PromiseWithResolvers<Done | "ready" | null>;
  onRecords: ((said: Extract<Said, { kind: "records" }>) => void) | null;
  live: LiveMeasures | null;
  /** How it ended; null while it runs. */
  ended: string | null;
}

/** Plays loads in several processes, each a part; their records are measured here. */
export class WorkerPlayer implements Player {
  readonly #members: readonly Member[];
  readonly #goodput: GoodputTargets | null;
  #trace: TraceState;
  /** When the load's clock began, by `performance.now()`; NaN before there is one. */
  #beganAt = Number.NaN;
  /** So far the farthest of them has read: all go on there, so that they stay in step. */
  #position = 0;

  private constructor(members: readonly Member[], goodput: GoodputTargets | null, trace: TraceState) {
    this.#trace = trace;
    this.#members = members;
    this.#goodput = goodput;
  }

  /**
   * @param trace how it is read until the first of them says more
   * @throws what a worker does where it cannot begin
   */
  static async open(
    count: number,
    flags: ReplayFlags,
    model: string,
    goodput: GoodputTargets | null,
    trace: TraceState,
  ): Promise<WorkerPlayer> {
    const members = Array.from({ length: count }, startMember);
    const player = new WorkerPlayer(members, goodput, trace);
    for (const [worker, { handle }] of members.entries())
      handle.order({ kind: "open", flags, model, share: { worker, of: count } });
    try {
      const ready = await Promise.all(members.map(({ answer }) => answer.promise));
      const gone = ready.indexOf(null);
      if (gone >= 0) throw new InputError("--workers", "", `${player.#faultOf(gone)}; give fewer`);
      return player;
    } catch (error) {
      await player.close();
      throw error;
    }
  }

  trace(): TraceState {
    return this.#trace;
  }

  /** Process ids of those that run. */
  get pids(): readonly (number | undefined)[] {
    return this.#members.filter(({ ended }) => ended === null).map(({ handle }) => handle.pid);
  }

  async play(plan: LoadPlan, onRecord: OnRecord, signal: AbortSignal): Promise<Played> {
    const { countsFromMs = 0, countsToMs = null } = countedTime(plan.bounds);
    const measures = new Measures(this.#goodput, { fromMs: countsFromMs, toMs: countsToMs });
    const startedAt = Date.now() + LEAD_MS;
    const beganAt = performance.now() + LEAD_MS;
    this.#beganAt = beganAt;
    const beginsAtNs = process.hrtime.bigint() + BigInt(LEAD_MS) * NANOSECONDS;
    const running = this.#members.filter(({ ended }) => ended === null);
    const stop = (): void => {
      for (const { handle } of running) handle.order({ kind: "stop" });
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      for (const member of running) {
        member.answer = Promise.withResolvers();
        member.onRecords = ({ records, live }) => {
          member.live = live;
          for (const record of records) {
            measures.take(record);
            onRecord(record, startedAt);
          }
        };
        member.handle.order({ kind: "play", plan, beginsAtNs, from: this.#position });
      }
      if (signal.aborted) stop();
      const answers = await Promise.all(running.map(({ answer }) => answer.promise));
      return this.#played(answers.filter(isDone), measures, { startedAt, beganAt });
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  live(): LiveMeasures | null {
    return liveTogether(this.#members.map(({ live }) => live).filter((live) => live !== null));
  }

  nowMs(): number | null {
    return Number.isNaN(this.#beganAt) ? null : performance.now() - this.#beganAt;
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ handle }) => handle.close()));
  }

  #played(
    done: readonly Done[],
    measures: Measures,
    { startedAt, beganAt }: { readonly startedAt: number; readonly beganAt: number },
  ): Played {
    measures.setBySecond(done.map(({ parts }) => parts.bySecond));
    // Each reads the whole of it, as far as its part goes.
    for (const { trace, position } of done) {
      this.#position = Math.max(this.#position, position);
      const { reading, passes } = this.#trace;
      if (passes < trace.passes || reading.rows < trace.reading.rows) this.#trace = trace;
    }
    const faults = this.#members.flatMap(({ ended }, i) => (ended === null ? [] : [this.#faultOf(i)]));
    // What ended with a process is not known to have ended before now.
    const endedMs =
      faults.length > 0 ? performance.now() - beganAt : Math.max(...done.map((one) => one.endedMs));
    const verdict = clientVerdict(clientsTogether(done.map(({ parts }) => parts.client)));
    const why = [...verdict.why, ...faults.map((fault) => `${fault}, and its part of the load is missing`)];
    const broken = done.find((one) => one.broken !== null)?.broken ?? null;
    return {
      outcome: { ...measures.summary(endedMs), client: { ...verdict, valid: why.length === 0, why } },
      startedAt,
      faults,
      broken: broken === null ? null : receivedError(broken),
    };
  }

  #faultOf(index: number): string {
    return `worker ${index + 1} of ${this.#members.length} died (${this.#members[index].ended})`;
  }
}

function startMember(): Member {
  const handle = new WorkerHandle(
    (said) => {
      if (said.kind === "records") member.onRecords?.(said);
      else if (said.kind === "failed") member.answer.reject(receivedError(said.error));
      else member.answer.resolve(said.kind === "ready" ? "ready" : said);
    },
    (how) => {
      member.ended = how;
      member.live = null;
      member.answer.resolve(null);
    },
  );
  const member: Member = {
    handle,
    answer: Promise.withResolvers(),
    onRecords: null,
    live: null,
    ended: null,
  };
  // Whoever waits is given it.
  member.answer.promise.catch(() => {});
  return member;
}

function isDone(answer: Done | "ready" | null): answer is Done {
  return answer !== null && answer !== "ready";
}

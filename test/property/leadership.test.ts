import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Leadership } from "../../src/control/lead/leadership.ts";
import { type PoolStore, StoreUnreachable } from "../../src/control/store.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { HandClock } from "../hand-clock.ts";
import { RUNS_TIMEOUT_MS, runs, telling } from "../runs.ts";

const LEASE_MS = 600;
const STEP_MS = 10;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** How one try to get the lease goes, and what follows from it; times in ms. */
interface Try {
  /** Until the store receives it: it may hang, or whoever asks stands still. */
  readonly there: number;
  readonly back: number;
  /** The answer never comes: who asked is told that the store does not answer. */
  readonly lost: boolean;
}

interface Course {
  /** Of every holder: its tries, again and again, and how long its terms take to begin and to end. */
  readonly holders: readonly {
    readonly tries: readonly Try[];
    readonly begins: readonly number[];
    readonly ends: readonly number[];
    readonly fails: readonly boolean[];
  }[];
  /** How fast the store's clock goes. */
  readonly rate: number;
  /** When all that was asked of the store meanwhile is received at once: it hung. */
  readonly hangs: { readonly from: number; readonly forMs: number };
}

const short = fc.nat(LEASE_MS / 10);
const any = fc.oneof({ weight: 4, arbitrary: short }, { weight: 1, arbitrary: fc.nat(3 * LEASE_MS) });
const courses: fc.Arbitrary<Course> = fc.record({
  holders: fc.array(
    fc.record({
      tries: fc.array(
        fc.record({
          there: any,
          back: any,
          lost: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.boolean()),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      begins: fc.array(any, { minLength: 1, maxLength: 4 }),
      ends: fc.array(any, { minLength: 1, maxLength: 4 }),
      fails: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
    }),
    { minLength: 2, maxLength: 3 },
  ),
  rate: fc.double({ min: 0.95, max: 1.05, noNaN: true }),
  hangs: fc.record({ from: fc.nat(4000), forMs: fc.nat(4 * LEASE_MS) }),
});

/** One gateway and its way to the store. */
class Holder {
  readonly leadership: Leadership;
  readonly faults: Error[] = [];
  /** Beginnings and ends under way: never two. */
  busy = 0;
  mostBusy = 0;
  readonly began: number[] = [];

  constructor(
    name: string,
    pool: PoolStore,
    clock: HandClock,
    { tries, begins, ends, fails }: Course["holders"][number],
    hang: Course["hangs"],
  ) {
    let asked = 0;
    const lease = async (holder: string, ttlMs: number) => {
      const { there, back, lost } = tries[asked++ % tries.length];
      const arrives = clock.ms + there;
      const resumes = hang.from + hang.forMs;
      await sleep(arrives >= hang.from && arrives < resumes ? resumes - clock.ms : there);
      const token = await pool.lease(holder, ttlMs);
      await sleep(back);
      if (lost) throw new StoreUnreachable("no answer");
      return token;
    };
    this.leadership = new Leadership({
      store: { lease, release: (token) => pool.release(token) },
      holder: name,
      leaseMs: LEASE_MS,
      clock,
      onGained: (token) => {
        this.began.push(token);
        return this.#take(begins[this.began.length % begins.length], fails[this.began.length % fails.length]);
      },
      onLost: () => this.#take(ends[this.began.length % ends.length], false),
      onFault: (fault) => this.faults.push(fault),
    });
  }

  async #take(ms: number, fails: boolean): Promise<void> {
    this.mostBusy = Math.max(this.mostBusy, ++this.busy);
    await sleep(ms);
    this.busy--;
    if (fails) throw new Error("the term cannot begin");
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

test(
  "no two hold the lease at once, whatever hangs, is late or is lost, and whatever terms take",
  async () => {
    let held = 0;
    let handedOn = 0;
    await fc.assert(
      fc.asyncProperty(courses, async (course) => {
        const clock = new HandClock();
        const pool = new LocalStore(() => clock.ms * course.rate).pool("p");
        const holders = course.holders.map(
          (one, i) => new Holder(`holder ${i}`, pool, clock, one, course.hangs),
        );
        for (const { leadership } of holders) void leadership.start();
        const leaders = new Set<number>();
        let last = 0;
        while (clock.ms < 8000) {
          clock.ms += STEP_MS;
          await vi.advanceTimersByTimeAsync(STEP_MS);
          const leading = holders.flatMap(({ leadership: { token } }) => token ?? []);
          telling(course, () => expect(leading.length).toBeLessThanOrEqual(1));
          for (const token of leading) {
            telling(course, () => expect(token).toBeGreaterThanOrEqual(last));
            last = token;
            leaders.add(token);
            held++;
          }
        }
        handedOn += leaders.size - 1;
        for (const { mostBusy } of holders) expect(mostBusy).toBeLessThanOrEqual(1);
        const stopped = holders.map(({ leadership }) => leadership.stop());
        await vi.advanceTimersByTimeAsync(20 * LEASE_MS);
        await Promise.all(stopped);
      }),
      { numRuns: runs(20), endOnFailure: true },
    );
    // It is about something.
    expect(held).toBeGreaterThan(0);
    expect(handedOn).toBeGreaterThan(0);
  },
  RUNS_TIMEOUT_MS,
);

import type { AckMessage, Incarnation, LoadMessage, RankMessage } from "../messages/pool-message.ts";
import type { LostRank, OperatorState, RankIncarnation } from "../messages/operator-state.ts";

/** What still comes of so many earlier starts of a rank is known to be late. */
const BEFORE_KEPT = 4;

/**
 * What is known of a pool's ranks, as their messages change it one after the other: which are lost, and which start of
 * each is at work. Another start than the known one is a rank that has begun anew and holds nothing, whether or not the
 * rank was missed. What an earlier start, of a lesser number, has left behind is late, and says nothing. Whatever is
 * wrongly thought of a rank, it holds nothing for that, and what it says later sets it right. Pure.
 */
export class RankStates {
  readonly #lost: Map<number, LostRank["how"]>;
  readonly #incarnations: Map<number, RankIncarnation>;
  #changed = false;

  constructor({ lost, incarnations }: Pick<OperatorState, "lost" | "incarnations">) {
    this.#lost = new Map(lost.map(({ rank, how }) => [rank, how]));
    this.#incarnations = new Map(incarnations.map((one) => [one.rank, one]));
  }

  /** Whether anything is other than it was in the beginning. */
  get changed(): boolean {
    return this.#changed;
  }

  get known(): Pick<OperatorState, "lost" | "incarnations"> {
    return {
      lost: Array.from(this.#lost, ([rank, how]) => ({ rank, how })),
      incarnations: [...this.#incarnations.values()],
    };
  }

  isLost(rank: number): boolean {
    return this.#lost.has(rank);
  }

  /** @returns whether the rank lives by it */
  load({ rank, incarnation, windowMs }: LoadMessage["reported"][number]): boolean {
    // Of a rank that fell silent any start brings it back: with nothing, so that it does no harm if it was late.
    if (this.#lost.get(rank) === "silent") this.#begins(rank, incarnation);
    else if (this.#isLate(rank, incarnation)) return false;
    else this.#restartedBy(rank, incarnation);
    this.#reports(rank, incarnation, windowMs);
    return this.#lost.get(rank) !== "reported";
  }

  /** @returns whether it is of a rank that holds what it says */
  acknowledgement({ rank, incarnation }: Pick<AckMessage, "rank" | "incarnation">): boolean {
    if (this.#isLate(rank, incarnation)) return false;
    if (this.#lost.get(rank) === "silent") this.#begins(rank, incarnation);
    else this.#restartedBy(rank, incarnation);
    return !this.#lost.has(rank);
  }

  report({ rank, state, incarnation }: Pick<RankMessage, "rank" | "state" | "incarnation">): void {
    if (this.#isLate(rank, incarnation)) return;
    const known = this.#incarnations.get(rank);
    const isKnown = incarnation !== null && known?.incarnation === incarnation;
    if (state === "ready") {
      // Else it is said twice, or a load was quicker.
      if (!isKnown || !known.begun || this.#lost.has(rank)) this.#begins(rank, incarnation);
    } else if (isKnown || incarnation === null || known === undefined) {
      this.#adopt(rank, incarnation, false);
      this.#lose(rank, "reported");
    } else {
      // Of a start that is not known, before the known one or after it: should that one live still, its next report shows it.
      this.silent(rank);
    }
  }

  silent(rank: number): void {
    if (!this.#lost.has(rank)) this.#lose(rank, "silent");
  }

  /** Nothing in force names it any more. */
  takeBack(rank: number): void {
    this.#changed = this.#lost.delete(rank) || this.#changed;
  }

  #isLate(rank: number, incarnation: Incarnation): boolean {
    return incarnation !== null && (this.#incarnations.get(rank)?.before.includes(incarnation) ?? false);
  }

  /** What a rank does shows that it has begun anew, where another start of it was at work. */
  #restartedBy(rank: number, incarnation: Incarnation): void {
    const known = this.#incarnations.get(rank);
    if (incarnation === null || known?.incarnation === incarnation) return;
    if (known !== undefined) this.#begins(rank, incarnation);
    else this.#adopt(rank, incarnation, false);
  }

  /** It is there, and holds nothing. */
  #begins(rank: number, incarnation: Incarnation): void {
    this.#adopt(rank, incarnation, true);
    this.#lose(rank, "restarted");
  }

  #lose(rank: number, how: LostRank["how"]): void {
    if (this.#lost.get(rank) === how) return;
    this.#lost.set(rank, how);
    this.#changed = true;
  }

  #adopt(rank: number, incarnation: Incarnation, begun: boolean): void {
    if (incarnation === null) return;
    const known = this.#incarnations.get(rank);
    if (known?.incarnation === incarnation && (known.begun || !begun)) return;
    const earlier = known === undefined ? [] : [known.incarnation, ...known.before];
    // A greater one may be the later start all the same: where it speaks again, it has begun anew.
    const before = earlier.filter((one) => one < incarnation).slice(0, BEFORE_KEPT);
    this.#incarnations.set(rank, { rank, incarnation, begun, before, windowMs: null });
    this.#changed = true;
  }

  #reports(rank: number, incarnation: Incarnation, windowMs: number): void {
    const known = this.#incarnations.get(rank);
    // Rounded: what differs a little each time is not worth to be stored each time.
    const rounded = 2 ** Math.max(0, Math.ceil(Math.log2(windowMs)));
    if (known === undefined || known.incarnation !== incarnation || known.windowMs === rounded) return;
    this.#incarnations.set(rank, { ...known, windowMs: rounded });
    this.#changed = true;
  }
}

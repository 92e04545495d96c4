import { type Placement, gpusInService } from "../../model/placement.ts";
import { gpuOfSlot, slotCount } from "../../model/topology.ts";

/** For so many windows after a placement is replaced, ranks may still report what they received by it. */
const WINDOWS_BEHIND = 2;

/** Which ranks may have received tokens of which experts: those that hold them, or did a moment ago. */
export class HeldExperts {
  /** The one in force last. */
  #placements: { readonly placement: Placement; windowsLeft: number }[] = [];

  place(placement: Placement): void {
    if (this.#placements.at(-1)?.placement === placement) return;
    this.#placements.push({ placement, windowsLeft: WINDOWS_BEHIND });
  }

  /** A window is over. */
  endWindow(): void {
    const current = this.#placements.at(-1);
    for (const one of this.#placements) if (one !== current) one.windowsLeft--;
    this.#placements = this.#placements.filter((one) => one === current || one.windowsLeft > 0);
  }

  /** Ranks that hold anything. */
  get ranks(): ReadonlySet<number> {
    return new Set(this.#placements.flatMap(({ placement }) => [...gpusInService(placement)]));
  }

  /**
   * `[layers][experts]`: 1 where every rank that may have received the expert's tokens has said so.
   * @param counts whether what a rank said counts
   */
  known(counts: (rank: number) => boolean): Uint8Array {
    const current = this.#placements.at(-1)?.placement;
    if (current === undefined) return new Uint8Array();
    const { layers, experts } = current;
    const known = new Uint8Array(layers * experts);
    // An expert that nobody holds is asked for, and nobody receives its tokens.
    eachSlot(current, (cell) => void (known[cell] = 1));
    for (const { placement } of this.#placements)
      eachSlot(placement, (cell, rank) => {
        if (!counts(rank)) known[cell] = 0;
      });
    return known;
  }
}

function eachSlot(
  { experts, topology, physicalToLogical }: Placement,
  visit: (cell: number, rank: number) => void,
): void {
  const width = slotCount(topology);
  for (let i = 0; i < physicalToLogical.length; i++) {
    const layer = Math.floor(i / width);
    if (physicalToLogical[i] >= 0)
      visit(layer * experts + physicalToLogical[i], gpuOfSlot(topology, i - layer * width));
  }
}

/** What a step showed: its load holds the targets, or does not; or it cannot be said, for the client fell behind. */
export type StepVerdict = "held" | "lost" | "client";

export interface FoundMax {
  /** The highest load that held; null where none did. */
  readonly held: number | null;
  /** The lowest above it that did not; null where all did. */
  readonly lost: number | null;
  /** `lost` is not the server's doing: the client fell behind there. */
  readonly byClient: boolean;
  /** The two are as close as asked for. */
  readonly precise: boolean;
}

export interface MaxSearch {
  /** Tried first, from the lowest on, until one is lost. */
  readonly loads: readonly number[];
  /** How far the two may be apart, as a part of the lower, > 0. */
  readonly precision: number;
  /** Loads are whole numbers. */
  readonly whole: boolean;
}

/** Where the lowest is lost, how often half of it is tried. */
const MOST_HALVINGS = 6;

/**
 * The highest load that holds its targets: the loads upwards, then halves of what is between the last that held and the
 * first that was lost.
 * @param play null where the search is stopped
 */
export async function findMax(
  { loads, precision, whole }: MaxSearch,
  play: (load: number) => Promise<StepVerdict | null>,
): Promise<FoundMax> {
  const ends: Ends = { held: null, lost: null, byClient: false };
  const goesOn = async (load: number): Promise<boolean> => {
    const verdict = await play(load);
    if (verdict === "held") ends.held = load;
    else if (verdict !== null) Object.assign(ends, { lost: load, byClient: verdict === "client" });
    return verdict !== null;
  };
  for (const load of [...loads].sort((a, b) => a - b)) {
    if (ends.lost !== null) break;
    if (!(await goesOn(load))) return found(ends, precision, whole);
  }
  for (let halvings = 0; ends.held === null && ends.lost !== null && halvings < MOST_HALVINGS; halvings++) {
    const half = rounded(ends.lost / 2, whole);
    if (half <= 0 || half >= ends.lost || !(await goesOn(half))) return found(ends, precision, whole);
  }
  while (ends.held !== null && ends.lost !== null && !areClose(ends.held, ends.lost, precision, whole)) {
    const between = rounded((ends.held + ends.lost) / 2, whole);
    if (between <= ends.held || between >= ends.lost || !(await goesOn(between))) break;
  }
  return found(ends, precision, whole);
}

interface Ends {
  held: number | null;
  lost: number | null;
  byClient: boolean;
}

function found(ends: Ends, precision: number, whole: boolean): FoundMax {
  const { held, lost } = ends;
  return { ...ends, precise: held !== null && lost !== null && areClose(held, lost, precision, whole) };
}

function areClose(held: number, lost: number, precision: number, whole: boolean): boolean {
  // Differences of decimal numbers are a little more than they are.
  return lost - held <= held * precision * (1 + 1e-9) || (whole && lost - held <= 1);
}

/** To four digits, that people can say it. */
function rounded(load: number, whole: boolean): number {
  return whole ? Math.floor(load) : Number(load.toPrecision(4));
}

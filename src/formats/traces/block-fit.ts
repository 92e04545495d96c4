import { isObject } from "../json.ts";

/** Sizes of blocks that engines and traces have. */
const SIZES = [16, 32, 64, 128, 256, 512, 1024, 2048];
/** Rows by which a size is told at least. */
const FEWEST_ROWS = 8;
/** The usual size is given up where it fits less than this part of the rows, for one that fits more than that. */
const LEAST_USUAL = 0.5;
const LEAST_OTHER = 0.9;

/** How many blocks a prompt fills, the last of them in part or not counted. */
export function fits(ids: number, length: number, size: number): boolean {
  return ids === Math.ceil(length / size) || (ids > 0 && ids === Math.floor(length / size));
}

/**
 * The tokens of a block of `hash_ids`, where rows do not say: the format's usual ones, unless most of the first rows have
 * as many ids as blocks of another size make of their lengths.
 */
export function blockTokensOf(lines: readonly string[], usual: number): number {
  const rows = lines.flatMap(lengthsOf);
  const part = (size: number) =>
    rows.filter(({ ids, length }) => fits(ids, length, size)).length / Math.max(1, rows.length);
  if (rows.length < FEWEST_ROWS || part(usual) >= LEAST_USUAL) return usual;
  const best = SIZES.toSorted((a, b) => part(b) - part(a))[0];
  return part(best) >= LEAST_OTHER ? best : usual;
}

/** Of rows that tell: one block is of any size. */
function lengthsOf(line: string): { ids: number; length: number }[] {
  try {
    const row: unknown = JSON.parse(line);
    if (!isObject(row) || row.block_size !== undefined) return [];
    const { hash_ids: ids, input_length: length } = row;
    return Array.isArray(ids) && ids.length > 1 && typeof length === "number"
      ? [{ ids: ids.length, length }]
      : [];
  } catch {
    return [];
  }
}

/** Whether the ids of a trace's rows fit the lengths of their prompts. */
export class BlockFit {
  readonly #usual: number;
  readonly #taken: number;
  #rows = 0;
  #odd = 0;
  #first = "";

  /**
   * @param usual the format's tokens of a block
   * @param taken those of this trace
   */
  constructor(usual: number, taken: number) {
    this.#usual = usual;
    this.#taken = taken;
  }

  /** @param size of this row's blocks */
  add(ids: number, length: number, size: number, where: string): void {
    if (ids === 0) return;
    this.#rows++;
    if (fits(ids, length, size)) return;
    this.#odd++;
    if (this.#odd === 1) this.#first = `${where}: ${ids} ids for ${length} tokens in blocks of ${size}`;
  }

  doubts(): string[] {
    const doubts: string[] = [];
    if (this.#taken !== this.#usual)
      doubts.push(
        `Blocks of hash_ids are taken for ${this.#taken} tokens, as most of the first rows' lengths say, not for the format's ${this.#usual}.`,
      );
    if (this.#odd > 0)
      doubts.push(
        `${this.#odd} of ${this.#rows} rows have other numbers of hash_ids than their lengths make (${this.#first}): what prompts share is not what the trace says, unless block_size of the rows is.`,
      );
    return doubts;
  }
}

import { InputError } from "../lib/errors.ts";
import { AMOUNT, integerIn, type NumberRule, readNumber } from "./json.ts";
import type { Tensor } from "./torch-file.ts";

/** Rows × columns, each of which takes 8 bytes; the largest models have 40,000. */
const MOST_COUNTS = 1 << 20;

/**
 * Sums what tensors of a file count, by row and column. A number of the file is added once: what is read and made is in
 * proportion to the file, whatever it claims.
 */
export class TensorCounts {
  readonly rows: number;
  readonly columns: number;
  /** `[rows][columns]` */
  readonly sums: Float64Array;
  readonly #source: string;
  /** Numbers added of each storage. */
  readonly #added = new Map<Tensor["storage"], number>();

  /** @throws InputError where there are too many */
  constructor(rows: number, columns: number, source: string, field: string) {
    if (rows * columns > MOST_COUNTS) {
      const hint = `is of ${rows} × ${columns} counts; expected at most ${MOST_COUNTS}`;
      throw new InputError(source, field, hint);
    }
    this.rows = rows;
    this.columns = columns;
    this.sums = new Float64Array(rows * columns);
    this.#source = source;
  }

  /** Adds counts `[rows, columns]`, element by element. @throws InputError */
  add(matrix: Tensor, field: string): void {
    const { shape } = matrix;
    if (shape.length !== 2 || shape[0] !== this.rows || shape[1] !== this.columns) {
      throw wrongShape(this.#source, field, matrix, `[${this.rows}, ${this.columns}] as the first`);
    }
    this.#once(matrix, field);
    forEach(matrix, AMOUNT, this.#source, field, (value, row, column) => {
      this.sums[row * this.columns + column] += value;
    });
  }

  /** Counts ids of columns `[rows, …, …]`, −1 for none. @throws InputError */
  addIds(ids: Tensor, field: string): void {
    const { shape, strides, offset, storage } = ids;
    if (shape.length !== 3 || shape[0] !== this.rows) {
      throw wrongShape(this.#source, field, ids, `[${this.rows}, tokens, topk] as the map`);
    }
    this.#once(ids, field);
    const rule = integerIn(-1, this.columns - 1);
    for (let row = 0; row < this.rows; row++) {
      const layer = {
        shape: shape.slice(1),
        strides: strides.slice(1),
        offset: offset + row * strides[0],
        storage,
      };
      forEach(layer, rule, this.#source, `${field}[${row}]`, (id) => {
        if (id >= 0) this.sums[row * this.columns + id]++;
      });
    }
  }

  #once({ shape, storage }: Tensor, field: string): void {
    const all = (this.#added.get(storage) ?? 0) + shape.reduce((product, size) => product * size, 1);
    if (all > storage.length) {
      throw new InputError(
        this.#source,
        field,
        "is of numbers that are counted already; copy the file again",
      );
    }
    this.#added.set(storage, all);
  }
}

/** Reads the elements of a matrix. @throws InputError naming the first that breaks the rule */
export function forEach(
  { shape, strides, offset, storage }: Tensor,
  rule: NumberRule,
  source: string,
  field: string,
  take: (value: number, row: number, column: number) => void,
): void {
  const [rows, columns] = shape;
  for (let row = 0; row < rows; row++) {
    let at = offset + row * strides[0];
    for (let column = 0; column < columns; column++, at += strides[1]) {
      const value = storage[at];
      if (!rule.holds(value)) readNumber(value, rule, source, `${field}[${row}][${column}]`);
      take(value, row, column);
    }
  }
}

export function wrongShape(source: string, field: string, { shape }: Tensor, expected: string): InputError {
  return new InputError(source, field, `has shape [${shape.join(", ")}]; expected ${expected}`);
}

import { oneLine, printable } from "./printable.ts";

/** Letters at most; either may repeat what the input says. */
const MOST_OF_FIELD = 120;
const MOST_OF_HINT = 1000;

/**
 * The input a person gave cannot be used. `message` is one line that names the file (or flag), the field
 * and a hint, whatever the input holds; the command line prints it as it stands and exits 2.
 */
export class InputError extends Error {
  override readonly name = "InputError";
  /** What else is wrong with the same input, as far as it is known: one line each. */
  readonly others: readonly string[] = [];

  /**
   * @param source the file, flag or environment variable at fault
   * @param field  where inside it, e.g. `logical_count[3][7]`, or "" for the whole
   * @param hint   what is wrong and what would be right, e.g. `is -4; expected a number ≥ 0`
   */
  constructor(source: string, field: string, hint: string) {
    const where = field === "" ? "" : `${oneLine(field, MOST_OF_FIELD)} `;
    super(`${printable(source)}: ${where}${oneLine(hint, MOST_OF_HINT)}`);
  }

  /** The first of several problems, which tells of the others too. */
  static ofSeveral(first: InputError, others: readonly InputError[]): InputError {
    return Object.assign(first, { others: others.map(({ message }) => message) });
  }
}

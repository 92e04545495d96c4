/** Reasons that are said of one kind; what a stream of garbage has further is only counted. */
const MOST_REASONS = 8;

/**
 * Reads what others have left for this process. What cannot be read is dropped, counted by its kind, and said once for
 * each reason: damage, or the work of a version that is not known here, must not end who meets it.
 */
export class Reading<Kind extends string> {
  readonly #where: string;
  readonly #onFault: (fault: Error) => void;
  readonly #counts: Map<Kind, number>;
  readonly #said = new Map<Kind, Set<string>>();

  /** @param where for a person, e.g. `pool a` */
  constructor(where: string, kinds: readonly Kind[], onFault: (fault: Error) => void) {
    this.#where = where;
    this.#onFault = onFault;
    this.#counts = new Map(kinds.map((kind) => [kind, 0]));
  }

  /** How many were dropped. */
  get dropped(): ReadonlyMap<Kind, number> {
    return this.#counts;
  }

  /** @returns null for what cannot be read */
  read<T>(kind: Kind, decode: () => T): T | null {
    try {
      return decode();
    } catch (cause) {
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
      this.#say(kind, cause as Error);
      return null;
    }
  }

  #say(kind: Kind, cause: Error): void {
    const said = this.#said.get(kind) ?? new Set();
    this.#said.set(kind, said);
    if (said.size === MOST_REASONS || said.has(cause.message)) return;
    said.add(cause.message);
    const what = kind.replaceAll("_", " ");
    const line = `${this.#where}: ${what} in the store cannot be read and is dropped: ${cause.message}`;
    this.#onFault(new Error(line, { cause }));
  }
}

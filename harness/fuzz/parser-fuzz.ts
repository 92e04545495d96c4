import { Rng } from "../../src/lib/rng.ts";
import type { BlockCoverage } from "./block-coverage.ts";
import { Mutation } from "./mutation.ts";
import { type FuzzedParser, outcome, ParserFault } from "./parser.ts";

/** Inputs between two looks at what has run: a look takes as long as hundreds of inputs, and soon finds nothing. */
const LEAST_BATCH = 64;
const LARGEST_BATCH = 8192;
/** Of a corpus: the oldest that were found give way. */
const MOST_FOUND = 400;
/** The newest are changed more often: they reach what nothing else does. */
const NEWEST = 20;

/** An input that a parser did not stand. */
export interface FoundFault {
  readonly parser: string;
  readonly input: Buffer;
  readonly words: string;
}

/** Fuzzes one parser: the same seed gives the same inputs, as long as the same code runs. */
export class ParserFuzz {
  readonly parser: FuzzedParser;
  inputs = 0;
  refused = 0;
  readonly faults: FoundFault[] = [];
  readonly #rng: Rng;
  readonly #mutation: Mutation;
  readonly #coverage: BlockCoverage | null;
  readonly #onInput: (input: Buffer) => void;
  #batch = LEAST_BATCH;
  /** Files that it reads, and then inputs that reached something new. */
  readonly #corpus: Buffer[];

  /**
   * @param coverage finds which inputs reach what none had reached; null to change only the parser's own files
   * @param onInput  is given each input before it is read
   */
  constructor(
    parser: FuzzedParser,
    rng: Rng,
    coverage: BlockCoverage | null = null,
    onInput: (input: Buffer) => void = () => {},
  ) {
    this.parser = parser;
    this.#rng = rng;
    this.#mutation = new Mutation(rng, parser.tokens ?? []);
    this.#coverage = coverage;
    this.#onInput = onInput;
    this.#corpus = parser.files.map((file) => Buffer.from(file));
  }

  get corpus(): readonly Uint8Array[] {
    return this.#corpus;
  }

  /** Reads the parser's own files. @throws Error for one that it refuses */
  async readFiles(): Promise<void> {
    this.#coverage?.skip();
    for (const [i, file] of this.parser.files.entries())
      if ((await this.#read(Buffer.from(file))) === "refused")
        throw new Error(`${this.parser.name} refuses its own file ${i}`);
    this.#coverage?.hasNew(true);
  }

  /** @param count inputs to be made and read */
  async run(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const inputs = Math.min(left, this.#batch);
      await this.#runBatch(inputs);
      left -= inputs;
    }
  }

  async #runBatch(count: number): Promise<void> {
    const inputs = Array.from({ length: count }, () => this.#mutation.of(this.#drawn(), this.#corpus));
    // Parsers may change what they are given.
    const kept = this.#coverage === null ? inputs : inputs.map((input) => Buffer.from(input));
    for (const input of inputs) await this.#counted(input);
    if (this.#coverage?.hasNew(false) !== true) {
      this.#batch = Math.min(LARGEST_BATCH, 2 * this.#batch);
      return;
    }
    this.#batch = Math.max(LEAST_BATCH, this.#batch >> 1);
    await this.#findNew(this.#coverage, kept);
  }

  #drawn(): Buffer {
    const found = this.#corpus.length - this.parser.files.length;
    const newest = Math.min(found, NEWEST);
    const among = newest > 0 && this.#rng.below(3) === 0 ? newest : this.#corpus.length;
    return this.#corpus[this.#corpus.length - 1 - this.#rng.below(among)];
  }

  async #counted(input: Buffer): Promise<void> {
    this.inputs++;
    const before = Buffer.from(input);
    try {
      if ((await this.#read(input)) === "refused") this.refused++;
    } catch (error) {
      if (!(error instanceof ParserFault)) throw error;
      this.faults.push({ parser: this.parser.name, input: before, words: error.message });
    }
  }

  #read(input: Buffer): Promise<"read" | "refused"> {
    this.#onInput(input);
    return outcome(this.parser, input);
  }

  /** Reads inputs again, half by half, until it is known which of them reach something new; they join the corpus. */
  async #findNew(coverage: BlockCoverage, inputs: readonly Buffer[]): Promise<void> {
    for (const input of inputs) await this.#read(Buffer.from(input)).catch(() => "refused");
    const one = inputs.length === 1;
    if (!coverage.hasNew(one)) return;
    if (one) return this.#join(inputs[0]);
    const half = inputs.length >> 1;
    await this.#findNew(coverage, inputs.slice(0, half));
    await this.#findNew(coverage, inputs.slice(half));
  }

  #join(input: Buffer): void {
    const own = this.parser.files.length;
    if (this.#corpus.length - own === MOST_FOUND) this.#corpus.splice(own, 1);
    this.#corpus.push(input);
  }
}

export function rngOf(seed: number, parser: string): Rng {
  return new Rng(seed, ...Buffer.from(parser));
}

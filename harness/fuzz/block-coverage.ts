import { type Profiler, Session } from "node:inspector";

/** Only the program's own modules: what its packages do is theirs to test. */
const OWN = "/src/";

/**
 * Which blocks of the program's source have run, by V8's own block counters: they cost the running code nothing that can be
 * measured, and a look at them some 1.5 ms (so one is taken after many inputs).
 */
export class BlockCoverage implements Disposable {
  readonly #session = new Session();
  /** By script: a byte for each letter of its source; 1 where it has run. */
  readonly #run = new Map<string, Uint8Array>();

  constructor() {
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Forgets what has run since the last look. */
  skip(): void {
    this.#take();
  }

  /**
   * Whether anything has run since the last look that never had before.
   * @param keep whether it counts as having run from now on
   */
  hasNew(keep: boolean): boolean {
    let found = false;
    for (const { url, functions } of this.#take()) {
      if (!url.includes(OWN) || url.includes("/node_modules/")) continue;
      if (this.#mark(url, functions, keep)) found = true;
    }
    return found;
  }

  /** Letters of source that have run. */
  get reached(): number {
    return [...this.#run.values()].reduce((sum, run) => sum + run.reduce((a, b) => a + b, 0), 0);
  }

  [Symbol.dispose](): void {
    this.#post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  #mark(url: string, functions: readonly Profiler.FunctionCoverage[], keep: boolean): boolean {
    const length = Math.max(...functions.map(({ ranges: [whole] }) => whole.endOffset));
    // Outer functions and blocks come before what lies in them.
    const now = new Uint8Array(length);
    for (const { ranges } of functions)
      for (const { startOffset, endOffset, count } of ranges)
        now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    const known = grown(this.#run.get(url), length);
    let found = false;
    for (let i = 0; i < length; i++) {
      if (now[i] === 0 || known[i] === 1) continue;
      found = true;
      if (!keep) break;
      known[i] = 1;
    }
    this.#run.set(url, known);
    return found;
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let taken: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error !== null) throw error;
      taken = result;
    });
    return taken;
  }

  #post(method: string, parameters: object = {}): void {
    this.#session.post(method, parameters, (error) => {
      if (error !== null) throw error;
    });
  }
}

function grown(known: Uint8Array | undefined, length: number): Uint8Array {
  if (known !== undefined && known.length >= length) return known;
  const more = new Uint8Array(length);
  if (known !== undefined) more.set(known);
  return more;
}

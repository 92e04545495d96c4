import { stat } from "node:fs/promises";

/**
 * Looks now and then whether files have changed. It goes by what their names lead to, so that it sees a link that was
 * turned to another file, as Kubernetes does with the files of a Secret.
 */
export class FileWatch {
  readonly #onChange: () => void;
  #names: readonly string[] = [];
  #seen = "";
  #timer: NodeJS.Timeout | null = null;
  #turn = 0;

  /** @param onChange some of them are others, or have come or gone */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches these in place of those before, as they are now. @param everyMs 0 for not at all */
  async watch(names: readonly string[], everyMs: number): Promise<void> {
    this.stop();
    const turn = this.#turn;
    this.#names = names;
    const seen = await marksOf(names);
    if (turn !== this.#turn || everyMs === 0 || names.length === 0) return;
    this.#seen = seen;
    this.#timer = setInterval(() => void this.#look(), everyMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#turn++;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    const turn = this.#turn;
    const seen = await marksOf(this.#names);
    if (turn !== this.#turn || seen === this.#seen) return;
    this.#seen = seen;
    this.#onChange();
  }
}

/** What is another after a change. */
async function marksOf(names: readonly string[]): Promise<string> {
  const marks = await Promise.all(
    names.map(async (name) => {
      const { ino, size, mtimeMs } = await stat(name).catch(() => ({ ino: 0, size: 0, mtimeMs: 0 }));
      return `${ino} ${size} ${mtimeMs}`;
    }),
  );
  return marks.join("\n");
}

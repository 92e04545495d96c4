import { stat } from "node:fs/promises";

/**
 * Looks now and then whether files have changed. It goes by what their names lead to, so that it sees a link that was
 * turned to another file, as Kubernetes does with the files of a Secret.
 */
export class FileWatch {
  readonly #onChange: () => void;
  /** What the files were when they were last looked at, by name. */
  #marks: ReadonlyMap<string, string> = new Map();
  #timer: NodeJS.Timeout | null = null;

  /** @param onChange some of them are others, or have come or gone */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * Watches these in place of those before. What has changed of one that was watched before is still told.
   * @param everyMs 0 for not at all
   */
  async watch(names: readonly string[], everyMs: number): Promise<void> {
    const before = this.#marks;
    const now = await marksOf(names);
    this.stop();
    this.#marks = new Map([...now].map(([name, mark]) => [name, before.get(name) ?? mark]));
    if (everyMs === 0 || names.length === 0) return;
    this.#timer = setInterval(() => void this.#look(), everyMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    const before = this.#marks;
    const now = await marksOf([...before.keys()]);
    if (before !== this.#marks || this.#timer === null) return;
    this.#marks = now;
    if ([...now].some(([name, mark]) => mark !== before.get(name))) this.#onChange();
  }
}

/** What is another after a change. */
async function marksOf(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const marks = names.map(async (name) => {
    const { ino, size, mtimeMs } = await stat(name).catch(() => ({ ino: 0, size: 0, mtimeMs: 0 }));
    return [name, `${ino} ${size} ${mtimeMs}`] as const;
  });
  return new Map(await Promise.all(marks));
}

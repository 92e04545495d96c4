import { stat } from "node:fs/promises";

/** A file that has changed is looked at again after so long, or sooner where all are looked at more often. */
const SETTLE_MS = 500;

type Marks = ReadonlyMap<string, string>;

/**
 * Looks now and then whether files have changed: every file system says when one has, not every one calls. It goes by what
 * their names lead to, so that it sees a link that was turned to another file, as Kubernetes does with the files of a
 * Secret. A change is told once all have stayed as they are from one look to the next: of a file that is being written
 * only a part may be there, and of a certificate and its key only one.
 */
export class FileWatch {
  readonly #onChange: () => void;
  /** What the files were when they were last told, by name; and at the last look, where that is not told yet. */
  #told: Marks = new Map();
  #seen: Marks | null = null;
  #everyMs = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Counts what is watched in turn: a look at what was watched before says nothing of what is now. */
  #watched = 0;

  /** @param onChange some of them are others, or have come or gone */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * Watches these in place of those before. What has changed of one that was watched before is still told.
   * @param everyMs 0 for not at all
   */
  async watch(names: readonly string[], everyMs: number): Promise<void> {
    this.stop();
    const watched = this.#watched;
    const now = await marksOf(names);
    if (watched !== this.#watched) return;
    const before = this.#told;
    this.#told = new Map([...now].map(([name, mark]) => [name, before.get(name) ?? mark]));
    this.#seen = null;
    this.#everyMs = everyMs;
    if (names.length > 0) this.#await(everyMs);
  }

  stop(): void {
    this.#watched++;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #await(ms: number): void {
    if (ms > 0) this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  async #look(): Promise<void> {
    const watched = this.#watched;
    const now = await marksOf([...this.#told.keys()]);
    if (watched !== this.#watched) return;
    const isNew = !areEqual(now, this.#told);
    const isSettled = this.#seen !== null && areEqual(now, this.#seen);
    this.#seen = isNew && !isSettled ? now : null;
    this.#await(this.#seen === null ? this.#everyMs : Math.min(this.#everyMs, SETTLE_MS));
    if (!isNew || !isSettled) return;
    this.#told = now;
    this.#onChange();
  }
}

function areEqual(one: Marks, other: Marks): boolean {
  return [...one].every(([name, mark]) => mark === other.get(name));
}

/** What is another after a change. */
async function marksOf(names: readonly string[]): Promise<Marks> {
  const marks = names.map(async (name) => {
    const { ino, size, mtimeMs, ctimeMs } = await stat(name).catch(() => NOTHING);
    return [name, `${ino} ${size} ${mtimeMs} ${ctimeMs}`] as const;
  });
  return new Map(await Promise.all(marks));
}

const NOTHING = { ino: 0, size: 0, mtimeMs: 0, ctimeMs: 0 };

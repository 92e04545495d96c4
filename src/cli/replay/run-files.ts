import { existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { InputError } from "../../lib/errors.ts";
import { makeFolder } from "../make-folder.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import { writeOutput } from "../output.ts";
import { OTHER_FILES, writeOtherFiles } from "./other-files.ts";
import { removeStepFolders } from "./step-folders.ts";

const REPORT = "report.json";
const REQUESTS = "requests.jsonl";
/** While the run lasts; what a killed one leaves. */
const PARTIAL = `${REQUESTS}.partial`;

/**
 * The files of one replay. Requests are written while it runs; files get their names when it is over, so that a folder
 * never holds parts of two runs; the report comes before what is made of it.
 */
export class RunFiles {
  readonly #folder: string;
  readonly #stream: Writable;
  readonly #written: Promise<void>;

  private constructor(folder: string, stream: Writable) {
    this.#folder = folder;
    this.#stream = stream;
    this.#written = finished(stream);
    // Whoever finishes is given it.
    this.#written.catch(() => {});
  }

  /** @throws InputError where the folder cannot be written, or holds a run and may not be replaced */
  static async open(folder: string, force: boolean): Promise<RunFiles> {
    const held = [REPORT, REQUESTS, PARTIAL, ...OTHER_FILES].find((name) => existsSync(join(folder, name)));
    if (held !== undefined && !force)
      throw new InputError(
        folder,
        "",
        `holds a run (${held}); name another folder, or replace it with --force`,
      );
    const path = join(folder, REQUESTS);
    const file = await attempt(path, async (): Promise<FileHandle> => {
      makeFolder(folder);
      return open(join(folder, PARTIAL), "w");
    });
    return new RunFiles(folder, file.createWriteStream());
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  /** @throws InputError where something could not be written */
  async finish(report: Readonly<Record<string, unknown>>): Promise<void> {
    const path = join(this.#folder, REQUESTS);
    this.#stream.end();
    await attempt(path, async () => {
      await this.#written;
      for (const name of [REPORT, ...OTHER_FILES]) await rm(join(this.#folder, name), { force: true });
      await removeStepFolders(this.#folder);
      await rename(join(this.#folder, PARTIAL), path);
    });
    await writeOutput(join(this.#folder, REPORT), `${JSON.stringify(report, null, 2)}\n`);
    await attempt(this.#folder, () => writeOtherFiles(this.#folder, path, report as ReplayReport));
  }
}

/** What the system says of a failure becomes one line naming the file. */
async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof InputError || code === undefined) throw error;
    throw new InputError(path, "", `cannot be written (${code}); name a writable place`);
  }
}

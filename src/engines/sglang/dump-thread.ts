import { once } from "node:events";
import { type ResourceLimits, Worker } from "node:worker_threads";
import { InputError } from "../../lib/errors.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { DumpAnswer } from "./dump-worker.ts";
import { entryFile } from "../../files/package-files.ts";

/** For what a dump is made into beside its numbers; see MOST_OPCODES of formats/pickle.ts. */
const LIMITS: ResourceLimits = { maxOldGenerationSizeMb: 512 };

/**
 * Reads dumps one after the other in a thread of its own: whatever one costs, the gateway's thread does not pay it.
 * A thread that dies, or takes too long, reads no more.
 */
export class DumpThread {
  readonly #worker: Worker;
  readonly #lost: Promise<never>;

  /** @param until aborted when what is being read is no longer waited for */
  constructor(until: AbortSignal, resourceLimits: ResourceLimits = LIMITS) {
    this.#worker = new Worker(entryFile("engines/sglang/dump-worker"), { resourceLimits });
    this.#lost = new Promise((_, reject) => {
      this.#worker.once("error", reject);
      this.#worker.once("exit", (code) => reject(new Error(`exit code ${code}`)));
      const leave = () => reject(until.reason as Error);
      if (until.aborted) leave();
      else until.addEventListener("abort", leave, { once: true });
    });
    // Whoever reads learns of it.
    this.#lost.catch(() => {});
  }

  /** @throws Error whose message is a line that names a dump which cannot be read, or not in time */
  async read(path: string): Promise<ExpertLoad> {
    this.#worker.postMessage(path);
    const answer = await Promise.race([this.#answer(), this.#lost]).catch((cause: unknown) => {
      throw new InputError(
        path,
        "",
        `was not read (${(cause as Error).message}); remove it, or make smaller ones`,
      );
    });
    if (answer.kind === "load") return answer.load;
    throw new Error(answer.why);
  }

  /** It may take long where the disk does: nobody waits for it. */
  end(): void {
    void this.#worker.terminate();
  }

  async #answer(): Promise<DumpAnswer> {
    const [answer] = (await once(this.#worker, "message")) as [DumpAnswer];
    return answer;
  }
}

import type { Localities } from "../serving/locality/localities.ts";
import type { LocalityShare } from "../serving/locality/locality-share.ts";
import type { LocalWorker } from "./local-worker.ts";
import { LOCALITY_EVERY_MS } from "./messages.ts";

/** What workers have counted and seen of requests by their experts, which this process has for all of them. */
export class WorkerLocalities {
  readonly #localities: Localities;
  readonly #workers: ReadonlySet<LocalWorker>;
  #sentMs = Number.NEGATIVE_INFINITY;

  /** @param workers those there are, live */
  constructor(localities: Localities, workers: ReadonlySet<LocalWorker>) {
    this.#localities = localities;
    this.#workers = workers;
  }

  /** Takes what one worker has; what it has seen is known in all. */
  received(worker: LocalWorker, share: LocalityShare): void {
    const { model, samples } = share;
    this.#localities.find(model)?.add(worker.child.id, share);
    if (samples.length === 0) return;
    for (const other of this.#workers) if (other !== worker) other.send({ kind: "samples", model, samples });
  }

  gone(worker: LocalWorker): void {
    for (const one of this.#localities.all) one.gone(worker.child.id);
  }

  /** Sends each worker the groups that it does not have, if that was not done just now. */
  sendGroups(nowMs: number): void {
    if (nowMs - this.#sentMs < LOCALITY_EVERY_MS) return;
    this.#sentMs = nowMs;
    for (const one of this.#localities.all) for (const worker of this.#workers) worker.sendGroups(one);
  }
}

import type { Config, PoolConfig } from "../config/config.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { ControlHalf } from "./control-half.ts";
import { openDisaggregated } from "./open-disaggregated.ts";
import type { OpenPool } from "./open-pool.ts";
import { openServers } from "./open-servers.ts";
import { openSimulated } from "./open-simulated.ts";
import type { ServingHalf } from "./serving-half.ts";
import type { PoolMakings } from "./surroundings.ts";

/** A reload waits so long for a server of each new pool to answer; then it activates them all the same. */
const READY_WITHIN_MS = 5000;

/** The pools that a gateway has, in the configuration's order. A reload replaces them without a gap. */
export class PoolSet {
  readonly #makings: PoolMakings;
  readonly #onChange = new Set<() => void>();
  readonly #stopping = new AbortController();
  /** What was replaced and is not closed yet. */
  readonly #retired = new Set<Promise<void>>();
  /** Those with an expert plane here: one list, which changes in place. */
  readonly controlled: readonly ControlledPool[] = [];
  #pools: readonly OpenPool[] = [];
  /** Starts, reloads and the stop, one after the other. */
  #turns: Promise<unknown> = Promise.resolve();

  constructor(config: Config, makings: PoolMakings) {
    this.#makings = makings;
    this.#put(openAll(config, makings, []));
  }

  get all(): readonly OpenPool[] {
    return this.#pools;
  }

  /** Is called when other pools, or other halves, have taken the place of those there were. @returns the way to stop listening */
  onChange(listener: () => void): () => void {
    this.#onChange.add(listener);
    return () => this.#onChange.delete(listener);
  }

  start(): Promise<void> {
    return this.#turn(async () => {
      await Promise.all(controlOf(this.#pools).map((half) => half.start()));
      for (const pool of this.#pools) pool.link();
      await Promise.all(this.#pools.map(({ servingHalf }) => servingHalf.start()));
    });
  }

  /**
   * Switches to the pools of another configuration. What it leaves as it is goes on untouched: the half that serves, the
   * half that decides, or both. A half that decides ends before the one that takes its place begins, and hands over its
   * view; a half that serves is closed when what it has in flight is done.
   * @param switched what else switches at the same moment
   * Rejects when it cannot, or the gateway stops; then everything is as it was.
   */
  reload(config: Config, switched: (fresh: readonly OpenPool[]) => void): Promise<void> {
    return this.#turn(() => this.#reload(config, switched));
  }

  /** The gateway stops: a reload under way is given up, and none is begun any more. */
  endReloads(): void {
    this.#stopping.abort(new Error("the gateway is stopping"));
  }

  /** Closes all. */
  async stop(): Promise<void> {
    this.endReloads();
    await this.#turns;
    const pools = this.#pools;
    await Promise.all(pools.map((pool) => pool.unlink()));
    await Promise.all([
      ...controlOf(pools).map((half) => half.close()),
      ...pools.map(({ servingHalf }) => servingHalf.close()),
      ...this.#retired,
    ]);
  }

  #turn(step: () => Promise<void>): Promise<void> {
    const turn = this.#turns.then(step);
    this.#turns = turn.catch(() => {});
    return turn;
  }

  async #reload(config: Config, switched: (fresh: readonly OpenPool[]) => void): Promise<void> {
    const { signal } = this.#stopping;
    signal.throwIfAborted();
    const before = this.#pools;
    const after = openAll(config, this.#makings, before);
    const fresh = newIn(after, before);
    const gone = newIn(before, after);
    try {
      await Promise.all(
        after
          .filter(({ servingHalf }) => fresh.serving.includes(servingHalf))
          .map(({ name, servingHalf }) => servingHalf.start(namedIn(before, name)?.servingHalf ?? null)),
      );
      const enough = AbortSignal.any([signal, AbortSignal.timeout(READY_WITHIN_MS)]);
      await Promise.all(fresh.serving.map((half) => half.ready(enough)));
      signal.throwIfAborted();
      await succeed(gone.control, fresh.control);
    } catch (error) {
      await discard(fresh);
      throw error;
    }
    for (const pool of fresh.pools) {
      const old = namedIn(before, pool.name);
      if (old !== null && old.servingHalf !== pool.servingHalf) pool.servingHalf.resume(old.servingHalf);
    }
    for (const half of controlOf(after)) half.goBy(config.control);
    this.#put(after);
    switched(fresh.pools);
    for (const pool of fresh.pools) pool.link();
    for (const listener of this.#onChange) listener();
    this.#retire(gone, after);
  }

  #put(pools: readonly OpenPool[]): void {
    this.#pools = pools;
    (this.controlled as ControlledPool[]).splice(0, this.controlled.length, ...controlOf(pools));
  }

  #retire(gone: Halves, after: readonly OpenPool[]): void {
    const views = new Set(after.map(({ controlled }) => controlled?.loop.view));
    for (const { serving } of gone.serving) for (const { states } of serving) states.setOthers(null);
    const close = async () => {
      await Promise.all(gone.pools.map((pool) => pool.unlink()));
      await Promise.all([
        ...gone.control.map((half) => half.close(views.has(half.loop.view))),
        ...gone.serving.filter((half) => half.replaced).map((half) => half.watchNoMore()),
        ...gone.serving.map((half) => half.idle().then(() => half.close())),
      ]);
    };
    const closed = close().catch(this.#makings.surroundings.onFault);
    this.#retired.add(closed);
    void closed.finally(() => this.#retired.delete(closed));
  }
}

interface Halves {
  readonly pools: readonly OpenPool[];
  readonly serving: readonly ServingHalf[];
  readonly control: readonly ControlHalf[];
}

function namedIn(pools: readonly OpenPool[], name: string): OpenPool | null {
  return pools.find((pool) => pool.name === name) ?? null;
}

function controlOf(pools: readonly OpenPool[]): readonly ControlHalf[] {
  return pools.flatMap(({ controlled }) => controlled ?? []);
}

/** The pools and halves of some pools that others lack. */
function newIn(pools: readonly OpenPool[], others: readonly OpenPool[]): Halves {
  const serving = new Set(others.map(({ servingHalf }) => servingHalf));
  const control = new Set(others.map(({ controlled }) => controlled));
  return {
    pools: pools.filter((pool) => !others.includes(pool)),
    serving: pools.map(({ servingHalf }) => servingHalf).filter((half) => !serving.has(half)),
    control: controlOf(pools).filter((half) => !control.has(half)),
  };
}

/** Some halves lead no more, then others compete for the lead. Rejects with the first leading again. */
async function succeed(gone: readonly ControlHalf[], fresh: readonly ControlHalf[]): Promise<void> {
  await Promise.all(gone.map((half) => half.resign()));
  try {
    await Promise.all(fresh.map((half) => half.start()));
  } catch (error) {
    await Promise.all(fresh.map((half) => half.resign()));
    await Promise.all(gone.map((half) => half.start()));
    throw error;
  }
}

/** Closes what was opened in vain; views of pools that go on stay. */
async function discard({ pools, serving, control }: Halves): Promise<void> {
  await Promise.all(pools.map((pool) => pool.unlink()));
  await Promise.all([
    ...control.map((half) => half.close(half.sharesView)),
    ...serving.map((half) => half.close()),
  ]);
}

/** @throws InputError, or what else the parts of a pool throw; then nothing was opened */
function openAll(config: Config, makings: PoolMakings, before: readonly OpenPool[]): readonly OpenPool[] {
  const opened: OpenPool[] = [];
  try {
    for (const pool of config.pools) opened.push(open(pool, config, makings, namedIn(before, pool.name)));
    return opened;
  } catch (error) {
    void discard(newIn(opened, before)).catch(makings.surroundings.onFault);
    throw error;
  }
}

function open(pool: PoolConfig, config: Config, makings: PoolMakings, before: OpenPool | null): OpenPool {
  switch (pool.kind) {
    case "simulated":
      return openSimulated(pool, config, makings, before);
    case "disaggregated":
      return openDisaggregated(pool, config, makings, before);
    case "openai":
    case "sglang":
    case "trtllm":
    case "vllm":
      return openServers(pool, config, makings, before);
  }
}

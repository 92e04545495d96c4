import { setTimeout as sleep } from "node:timers/promises";
import { indexReplicas } from "../../../src/model/placement.ts";
import { encodeSnapshot } from "../../../src/model/snapshot-bytes.ts";
import { Sample } from "../../../src/lib/sample.ts";
import { contiguousPlacement } from "../../../src/core/placement/contiguous.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { PoolView } from "../../../src/control/follow/pool-view.ts";
import { startRedis } from "../../../harness/fakes/redis-server.ts";
import { openRedisStore } from "../../../harness/open-redis-store.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { pool } from "../pools.ts";

const FOLLOWERS = 8;
const EPOCHS = 200;
const WARM_UP = 20;
const PAUSE_MS = 20;

/** From the moment a leader publishes a snapshot of DeepSeek-V3 until each of 8 followers has it decoded. */
export async function followTable({ input: { model }, progress }: Bench): Promise<BenchTable> {
  const topology = pool(288, 32);
  const placement = contiguousPlacement(model.moeLayers.length, model.experts, topology);
  const replicas = indexReplicas(placement);
  const shares = evenShares(placement, replicas);
  const change = { kind: "shares", reason: "", atMs: 0, movedSlots: 0, movedBytes: 0 } as const;
  const encoded = (epoch: number) =>
    encodeSnapshot({ pool: "p", model: model.name, epoch, change, placement, replicas, shares, missing: [] });

  await using redis = await startRedis();
  const leader = await openRedisStore(redis.url);
  const followers = await Promise.all(Array.from({ length: FOLLOWERS }, () => openRedisStore(redis.url)));
  const each = new Sample();
  const last = new Sample();
  try {
    const token = (await leader.pool("p").lease("leader", 600_000)) ?? 0;
    let publishedAt = 0;
    let heard = 0;
    let counts = false;
    let all = Promise.withResolvers<void>();
    for (const store of followers) {
      const view = new PoolView("p", (fault) => {
        throw fault;
      });
      view.onSnapshot(() => {
        const took = performance.now() - publishedAt;
        if (counts) each.add(took);
        if (++heard < FOLLOWERS) return;
        if (counts) last.add(took);
        all.resolve();
      });
      view.follow(store.pool("p"));
    }
    progress(`follow: ${EPOCHS} epochs`);
    for (let epoch = 1; epoch <= WARM_UP + EPOCHS; epoch++) {
      const bytes = encoded(epoch);
      counts = epoch > WARM_UP;
      heard = 0;
      all = Promise.withResolvers();
      publishedAt = performance.now();
      await leader.pool("p").publish(epoch, bytes, token);
      await all.promise;
      await sleep(PAUSE_MS);
    }
  } finally {
    await Promise.all([leader, ...followers].map((store) => store.close()));
  }
  const row = (name: string, sample: Sample) => {
    const summary = sample.summary();
    return [name, summary?.p50 ?? null, summary?.p99 ?? null];
  };
  return {
    title: `Publish to follower: ${Math.round(encoded(1).length / 1024)} KiB snapshots of ${model.name} through Redis`,
    columns: [{ name: "until" }, { name: "p50, ms", digits: 2 }, { name: "p99, ms", digits: 2 }],
    rows: [row("a follower has it", each), row(`the last of ${FOLLOWERS} has it`, last)],
    notes: [`Leader and followers in one process on a real Redis, ${EPOCHS} epochs, one at a time.`],
    aims: [],
  };
}

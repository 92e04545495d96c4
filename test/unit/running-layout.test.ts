import { expect, test } from "vitest";
import { type LayoutFlags, runningLayout } from "../../src/plans/running-pool/running-layout.ts";
import type { PublishedPool } from "../../src/plans/running-pool/published.ts";
import { InputError } from "../../src/lib/errors.ts";
import type { Deployment } from "../../src/model/deployment.ts";

const SERVERS: Deployment = {
  kind: "vllm",
  role: "whole",
  policy: "least-load",
  gpu: null,
  precision: null,
  experts: null,
};
const FLAGS = { pool: "http://gateway" };

/** @param ready of each server, whether its ranks are */
function pool(
  ready: readonly boolean[],
  ranks: number,
  deployment: Deployment = SERVERS,
  name = "chat",
): PublishedPool {
  const shards = ready.flatMap((there) =>
    Array.from({ length: ranks }, (_, i) => ({
      id: `${name}/${i}`,
      requests: 0,
      reported: { waiting: 0, kvUse: null },
      health: { ready: there },
    })),
  );
  return {
    pool: name,
    models: ["m"],
    deployment,
    servers: ready.length,
    control: null,
    engine: null,
    shards,
  };
}

function layoutOf(front: PublishedPool, flags: LayoutFlags, prefill: PublishedPool | null = null) {
  return runningLayout({ name: "chat", front, prefill }, { ...FLAGS, ...flags });
}

test("servers are units alike: ranks of so many GPUs, with experts over all or some of them", () => {
  const three = pool([true, true, true], 4);
  expect(layoutOf(three, { attentionTp: 2 })).toEqual({
    units: 3,
    decode: { tp: 2, dp: 4, ep: 8, moeTp: 1 },
    prefill: null,
    topology: null,
    notes: [],
  });
  expect(layoutOf(three, { attentionTp: 2, ep: 4 }).decode).toEqual({ tp: 2, dp: 4, ep: 4, moeTp: 2 });
  expect(() => layoutOf(three, {})).toThrow("--attention-tp: is missing");
  expect(() => layoutOf(three, { attentionTp: 1, ep: 3 })).toThrow(
    "expected a divisor of a server's 4 GPUs (4 ranks of 1)",
  );
});

test("servers that are not ready are not counted, and named", () => {
  const { units, notes } = layoutOf(pool([true, false, true], 2), { attentionTp: 1 });
  expect(units).toBe(2);
  expect(notes).toEqual(["1 of the 3 servers of chat are not ready, and not counted"]);
});

test("prefill and decode servers make up units; where they are not one to one, the model has each kind as one pool", () => {
  const decode = { ...SERVERS, role: "decode" } as const;
  const prefill = { ...SERVERS, role: "prefill" } as const;
  const same = layoutOf(
    pool([true, true], 1, decode, "chat.decode"),
    { attentionTp: 4 },
    pool([true, true], 1, prefill, "chat.prefill"),
  );
  expect(same).toMatchObject({ units: 2, decode: { tp: 4, dp: 1 }, prefill: { tp: 4, dp: 1 }, notes: [] });
  const more = layoutOf(
    pool([true, true, true, true], 1, decode, "chat.decode"),
    { attentionTp: 4 },
    pool([true, true], 1, prefill, "chat.prefill"),
  );
  expect(more).toMatchObject({ units: 2, decode: { tp: 4, dp: 2, ep: 8 }, prefill: { tp: 4, dp: 1, ep: 4 } });
  expect(more.notes).toEqual([expect.stringContaining("1 prefill and 2 decode servers")]);
});

test("a pool with an expert plane is one unit over its topology, whose ranks are its shards", () => {
  const topology = { nodes: 2, gpusPerNode: 8, slotsPerGpu: 18 };
  const experts = { model: "deepseek-v3", topology, dispatch: "even" } as const;
  const whole = pool([true, true], 4, { ...SERVERS, experts });
  expect(layoutOf(whole, {})).toMatchObject({
    units: 1,
    decode: { tp: 2, dp: 8, ep: 16, moeTp: 1 },
    topology,
  });
  expect(layoutOf(whole, { attentionTp: 4 }).decode).toMatchObject({ tp: 4, dp: 4 });
  // One address for all of them does not say how ranks are made up.
  const hidden = pool([true], 1, { ...SERVERS, experts });
  expect(() => layoutOf(hidden, {})).toThrow("the pool has 16 GPUs and 1 shards");
  expect(() => layoutOf(whole, { attentionTp: 3 })).toThrow("a divisor of 16");
  expect(() => layoutOf(whole, { ep: 8 })).toThrow("this pool's topology says where its experts are");
  expect(() =>
    layoutOf(pool([true], 4, { ...SERVERS, kind: "simulated", experts }), { attentionTp: 1 }),
  ).toThrow(InputError);
});

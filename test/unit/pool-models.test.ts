import { describe, expect, it } from "vitest";
import { ShardStates } from "../../src/routing/shard-states.ts";
import type { EngineServer, ModelCard } from "../../src/serving/engine.ts";
import { PoolModels } from "../../src/serving/models/pool-models.ts";

/** Servers of two ranks each, of a pool that is configured to serve `base` and `alias`. */
function pool(servers: number) {
  const states = new ShardStates(2 * servers);
  const list = Array.from({ length: servers }, (_, i): EngineServer => {
    const shards = [2 * i, 2 * i + 1].map((rank) => ({ id: `p/${rank}`, pool: "p", rank }));
    const unasked = () => Promise.reject(new Error("not asked here"));
    return { name: `s${i}`, shards, health: unasked, loads: unasked, models: unasked };
  });
  const known = new PoolModels(list, ["base", "alias"], states);
  return { states, known, list: (i: number, ...cards: ModelCard[]) => known.list(list[i], cards) };
}

const base = { id: "base", root: "/m", parent: null };
const lora = { id: "lora", root: "/lora", parent: "base" };

/** The models of each server's ranks, which have the same. */
function models(states: ShardStates): (string[] | null)[] {
  const all = states.models.map((own) => (own === null ? null : [...own].sort()));
  for (let i = 0; i < all.length; i += 2) expect(all[i]).toEqual(all[i + 1]);
  return all.filter((_, i) => i % 2 === 0);
}

describe("a pool's models", () => {
  it("are anywhere until a server has listed them", () => {
    const { states, known } = pool(2);
    expect(models(states)).toEqual([null, null]);
    expect([known.cards, known.parentOf("lora")]).toEqual([null, null]);
  });

  it("that some server lists are there only; those that nobody lists are everywhere", () => {
    const { states, list } = pool(3);
    list(0, base);
    expect(models(states)).toEqual([
      ["alias", "base"],
      ["alias", "base"],
      ["alias", "base"],
    ]);
    list(1, { id: "other" });
    expect(models(states)[1]).toEqual(["alias"]);
    list(2, { id: "alias" });
    expect(models(states)).toEqual([["base"], [], ["alias"]]);
  });

  it("are listed also where no server lists them, since requests for them are served", () => {
    const { states, known, list } = pool(2);
    states.ready.fill(1);
    expect(known.unlisted.map(({ id }) => id)).toEqual(["base", "alias"]);
    list(0, base);
    expect(known.cards).toEqual([base, { id: "alias", object: "model", created: 0, owned_by: "unknown" }]);
    list(1, { id: "alias" });
    expect(known.cards).toEqual([base, { id: "alias" }]);
    // Listed, though by no server that can serve now.
    states.ready.fill(0, 2);
    expect(known.cards).toEqual([base]);
    states.ready.fill(0);
    expect(known.cards).toBeNull();
  });

  it("have adapters, where they are listed and as long as they are", () => {
    const { states, known, list } = pool(2);
    list(0, base, lora);
    list(1, base);
    expect(models(states)).toEqual([
      ["alias", "base", "lora"],
      ["alias", "base"],
    ]);
    expect([known.parentOf("lora"), known.parentOf("base")]).toEqual(["base", null]);
    list(0, base);
    expect(known.parentOf("lora")).toBe(null);
  });

  it("have the adapters of what they list under another name, and nothing unrelated", () => {
    const { known, list } = pool(1);
    list(
      0,
      base,
      { id: "served-as", root: "/m", parent: null },
      { id: "lora", root: "/lora", parent: "served-as" },
      { id: "unrelated", root: "/n", parent: null },
      { id: "its-lora", root: "/lora", parent: "unrelated" },
    );
    expect(known.cards?.map(({ id }) => id)).toEqual(["base", "lora", "alias"]);
  });

  it("are listed by the servers that are ready", () => {
    const { states, known, list } = pool(2);
    list(0, base);
    list(1, lora, { id: "alias" });
    states.ready.fill(0, 0, 2);
    expect(known.cards).toEqual([lora, { id: "alias" }]);
    states.ready.fill(0);
    expect(known.cards).toBe(null);
  });
});

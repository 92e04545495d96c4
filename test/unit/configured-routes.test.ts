import { expect, test } from "vitest";
import type { ModelSettings } from "../../src/model/model-settings.ts";
import { Rng } from "../../src/lib/rng.ts";
import { configuredRoutes } from "../../src/serving/models/configured-routes.ts";
import type { ModelRoute } from "../../src/serving/models/model-route.ts";
import type { ServingPool } from "../../src/serving/serving-pool.ts";

/** As far as routes go. */
function pool(name: string, ...models: string[]): ServingPool {
  return { name, models } as unknown as ServingPool;
}

function model(name: string, pools: readonly string[], more: Partial<ModelSettings> = {}): ModelSettings {
  return {
    name,
    aliases: [],
    pools: pools.map((one) => ({ pool: one, model: name, weight: null, header: {} })),
    fallback: [],
    defaults: {},
    limits: { maxTokens: 0, maxInputTokens: 0 },
    shadow: null,
    locality: null,
    ...more,
  };
}

const text = ({ places }: ModelRoute) =>
  places.map((place) => `${place.pool.name}:${place.asked ?? `(${place.model})`}`).join(" ");

function routesOf(pools: readonly ServingPool[], models: readonly ModelSettings[]) {
  const routes = configuredRoutes(pools, {
    models,
    prefixIndexBytes: 65_536,
    rng: new Rng(1),
    localities: null,
  });
  return new Map([...routes].map(([name, route]) => [name, [route, ...route.fallbacks].map(text)]));
}

test("models of pools go to all that name them, those of the configuration where it says, by all of their names", () => {
  const pools = [pool("a", "m", "n"), pool("b", "m"), pool("c", "m")];
  const routes = routesOf(pools, [model("n", ["a"], { aliases: ["o"] })]);
  expect([...routes]).toEqual([
    ["n", ["a:(n)"]],
    ["o", ["a:n"]],
    ["m", ["a:(m) b:(m) c:(m)"]],
  ]);
});

test("fallbacks come in their order, with those that they fall back on themselves, and each once", () => {
  const pools = [
    pool("a", "m"),
    pool("spare", "x", "m"),
    pool("other", "y"),
    pool("s", "small"),
    pool("t", "tiny"),
  ];
  const models = [
    model("m", ["a"], { fallback: ["spare", "other", "small", "tiny"] }),
    model("small", ["s"], { fallback: ["tiny"] }),
    model("tiny", ["t"]),
  ];
  const routes = routesOf(pools, models);
  expect(routes.get("m")).toEqual(["a:(m)", "spare:m", "other:y", "s:small", "t:tiny"]);
  expect(routes.get("small")).toEqual(["s:(small)", "t:tiny"]);
  expect(routes.get("x")).toEqual(["spare:(x)"]);
});

test("of some pools there are the models that one of them serves, with what is said of those", () => {
  const models = [
    model("m", ["a", "b"], { aliases: ["o"], fallback: ["c", "n", "k"] }),
    model("n", ["c"], { fallback: ["d"] }),
    model("k", ["b"]),
  ];
  const pools = [pool("b", "m", "k"), pool("d", "n", "x")];
  expect([...routesOf(pools, models)]).toEqual([
    ["m", ["b:(m)", "d:n", "b:k"]],
    ["o", ["b:m", "d:n", "b:k"]],
    ["k", ["b:(k)"]],
    ["x", ["d:(x)"]],
  ]);
});

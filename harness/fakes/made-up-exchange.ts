import { blockBody, exchangeBody } from "../../src/http/exchange-route.ts";
import { Rng } from "../../src/lib/rng.ts";
import { exchangeUnits, withinNodes } from "../../src/model/pool-exchange.ts";
import { type Topology, gpuCount } from "../../src/model/topology.ts";

/** Who sends to whom in a pool that is made up: near ones more than others, and some much more. */
export function madeUpExchange(topology: Topology, atMs: number): object | null {
  const rng = new Rng(2);
  const { by, units } = exchangeUnits(topology);
  const near = by === "gpu" ? topology.gpusPerNode : 1;
  const selections = Float32Array.from({ length: units * units }, (_, i) => {
    const [from, to] = [Math.floor(i / units), i % units];
    const isNear = Math.floor(from / near) === Math.floor(to / near);
    return 10_000 * (isNear ? 3 : 1) * Math.exp(0.4 * rng.normal());
  });
  const ownNode = withinNodes({ by, units }, topology.gpusPerNode, selections);
  return exchangeBody({
    atMs,
    spanMs: 5000,
    by,
    units,
    basis: "counted",
    how: "Made up.",
    selections,
    tokens: selections.map((value) => value * 0.7),
    ownGpu: ownNode / topology.gpusPerNode,
    ownNode,
    hopsPerToken: 6.2,
    nodeHopsPerToken: 3.1,
    silent: [],
  });
}

/** GPU by GPU, of the nodes that are asked for; null where none are. */
export function madeUpBlock(topology: Topology, atMs: number, query: URLSearchParams): object | null {
  const [from, to] = [nodeOf(query.get("from")), nodeOf(query.get("to"))];
  if (from === null && to === null) return null;
  const rng = new Rng(3);
  const gpus = gpuCount(topology);
  const selections = Float32Array.from({ length: gpus * gpus }, () => 200 * Math.exp(0.6 * rng.normal()));
  return blockBody(
    { atMs, gpus, selections, tokens: selections.map((value) => value * 0.7) },
    { from, to },
    topology,
  );
}

function nodeOf(said: string | null): number | null {
  return said === null ? null : Number(said);
}

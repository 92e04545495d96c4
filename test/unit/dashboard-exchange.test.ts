import { describe, expect, test } from "vitest";
import type { Exchange } from "../../src/dashboard/exchange/exchange.ts";
import {
  byNode,
  evenPair,
  evenTravel,
  heaviestBetween,
  nodeTraffic,
  pairText,
  travelOf,
} from "../../src/dashboard/exchange/exchange-figures.ts";
import { exchangeBody } from "../../src/http/exchange-route.ts";

const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 4 };
const MATRIX = [
  [10, 5, 20, 5],
  [0, 0, 0, 0],
  [1, 2, 30, 7],
  [3, 7, 0, 10],
];

/** As the gateway sends it; the page's own types are held to it. */
function exchange(differences: Partial<Exchange> = {}): Exchange {
  const body = exchangeBody({
    atMs: 1,
    spanMs: 5000,
    by: "gpu",
    units: 4,
    basis: "counted",
    how: "",
    selections: Float32Array.from(MATRIX.flat()),
    tokens: new Float32Array(),
    ownGpu: 50,
    ownNode: 62,
    hopsPerToken: null,
    nodeHopsPerToken: null,
    silent: [1],
  });
  return { ...(body as Exchange), ...differences };
}

describe("who sends to whom", () => {
  test("comes as rows by source, and without what is not known", () => {
    expect(exchange().selectionsPerSecond).toEqual(MATRIX);
    expect(exchange().tokensPerSecond).toBeNull();
    expect(exchangeBody(null)).toBeNull();
  });

  test("is parted into what stays on the GPU, on the node, and what leaves it", () => {
    expect(travelOf(exchange())).toEqual({ ownGpu: 0.5, ownNode: 0.62 - 0.5, otherNodes: 1 - 0.62 });
    expect(travelOf(exchange({ selectionsPerSecond: null }))).toBeNull();
    expect(travelOf(exchange({ selectionsPerSecond: [[0]] }))).toBeNull();
    expect(evenTravel(topology)).toEqual({ ownGpu: 0.25, ownNode: 0.25, otherNodes: 0.5 });
    expect(evenTravel({ ...topology, nodes: 1 }).otherNodes).toBe(0);
  });

  test("is added up by node: what each keeps, sends and receives", () => {
    const nodes = byNode({ by: "gpu" }, MATRIX, topology);
    expect(nodes).toEqual([
      [15, 25],
      [13, 47],
    ]);
    expect(byNode({ by: "node" }, nodes, topology)).toBe(nodes);
    expect(nodeTraffic(nodes)).toEqual([
      { node: 0, within: 15, sent: 25, received: 13 },
      { node: 1, within: 47, sent: 13, received: 25 },
    ]);
  });

  test("is told pair by pair, beside a mean one of the sources that are known", () => {
    expect(evenPair(MATRIX)).toBe(100 / 12);
    expect(heaviestBetween(MATRIX)).toEqual({ row: 0, column: 2 });
    expect(heaviestBetween([[5]])).toBeNull();
    const said = (row: number, column: number, by: "gpu" | "node" = "gpu") =>
      pairText({ by }, topology, "selections", MATRIX, { row, column });
    expect(said(0, 2)).toBe(
      "GPU 0 on node 0 → GPU 2 on node 1: 20 selections/s, 20.00 % of all, 2.40 × an even pair",
    );
    expect(said(2, 2)).toMatch(/^Within GPU 2 on node 1: 30 /);
    expect(said(0, 3, "node")).toMatch(/^node 0 → node 3: 5 /);
    expect(said(1, 0)).toBe(
      "GPU 1 on node 0 → GPU 0 on node 0: nothing is known to come from GPU 1 on node 0",
    );
  });
});

import { describe, expect, it } from "vitest";
import { readRoutingTrace } from "../../src/formats/routing-trace.ts";
import { bytesOf, npyBytes, npyHeader } from "../npy-bytes.ts";

/** Two tokens, three layers, two experts each. */
const IDS = [0, 1, 2, 3, 4, 5, -1, 7, 8, 9, 10, 11];

describe("reading a routing trace", () => {
  it("keeps [tokens][layers][topk] and −1", () => {
    const trace = readRoutingTrace(
      npyBytes(npyHeader("<i4", "(2, 3, 2)"), bytesOf(new Int32Array(IDS))),
      "r.npy",
      12,
    );
    expect(trace).toEqual({ tokens: 2, layers: 3, topk: 2, experts: new Int16Array(IDS) });
  });

  it("names the token and the layer of an id out of range", () => {
    const file = npyBytes(npyHeader("<i4", "(2, 3, 2)"), bytesOf(new Int32Array(IDS)));
    expect(() => readRoutingTrace(file, "r.npy", 11)).toThrow(
      "r.npy: token 1 layer 2 has expert 11; expected 0..10, or −1 for none",
    );
  });

  it("refuses ids below −1 and ids that no trace can hold", () => {
    const file = (id: number) => npyBytes(npyHeader("<i4", "(1, 1, 1)"), bytesOf(new Int32Array([id])));
    expect(() => readRoutingTrace(file(-2), "r.npy")).toThrow("token 0 layer 0 has expert -2");
    expect(readRoutingTrace(file(32_767), "r.npy").experts).toEqual(new Int16Array([32_767]));
    expect(() => readRoutingTrace(file(32_768), "r.npy")).toThrow("has expert 32768");
  });

  it.each(["(12,)", "(2, 6)", "(1, 2, 3, 2)", "(0, 3, 2)", "(2, 0, 2)"])("refuses shape %s", (shape) => {
    const count = shape.match(/\d+/g)?.reduce((product, size) => product * Number(size), 1) ?? 1;
    const file = npyBytes(npyHeader("|u1", shape), new Uint8Array(count));
    expect(() => readRoutingTrace(file, "r.npy")).toThrow("expected (tokens, layers, topk), none of them 0");
  });

  it("refuses floats", () => {
    const file = npyBytes(npyHeader("<f4", "(1, 1, 1)"), bytesOf(new Float32Array([1])));
    expect(() => readRoutingTrace(file, "r.npy")).toThrow("r.npy: descr is '<f4'; expected integers");
  });
});

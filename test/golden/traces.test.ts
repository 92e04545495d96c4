import { readFile } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import { readServegenClient } from "../../src/formats/servegen/client.ts";
import { servegenTraffic } from "../../src/formats/servegen/traffic.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { readParts } from "../trace-reading.ts";

const bytesOf = (name: string) => readFile(new URL(`traces/${name}`, import.meta.url));
const read = async (name: string) => readParts([await bytesOf(name)]);
const ms = (value: number): number => expect.closeTo(value, 3) as number;

/** Small traces in the form of the published ones, and what they say. */
const TRACES: Readonly<Record<string, readonly [format: string, requests: readonly TraceRequest[]]>> = {
  "azure-2023.csv": [
    "azure",
    [
      { arrivalMs: 0, inputTokens: 374, outputTokens: 44 },
      { arrivalMs: ms(4314.579), inputTokens: 396, outputTokens: 109 },
      { arrivalMs: ms(4541.877), inputTokens: 879, outputTokens: 55 },
    ],
  ],
  "azure-2024.csv": [
    "azure",
    [
      { arrivalMs: 0, inputTokens: 2162, outputTokens: 5 },
      { arrivalMs: ms(7.405), inputTokens: 2399, outputTokens: 6 },
      { arrivalMs: ms(2 * 86_400_000 - 9.93), inputTokens: 76, outputTokens: 15 },
    ],
  ],
  "azure-multimodal.csv": [
    "azure",
    [
      { arrivalMs: 0, inputTokens: 1200, outputTokens: 30, trafficClass: "text" },
      { arrivalMs: ms(250), inputTokens: 1871, outputTokens: 17, trafficClass: "multimodal" },
    ],
  ],
  "burstgpt-1.csv": [
    "burstgpt",
    [
      {
        arrivalMs: 0,
        inputTokens: 472,
        outputTokens: 18,
        trafficClass: "Conversation log",
        model: "ChatGPT",
      },
      {
        arrivalMs: 40_000,
        inputTokens: 1087,
        outputTokens: 230,
        trafficClass: "Conversation log",
        model: "ChatGPT",
      },
      { arrivalMs: 40_500, inputTokens: 417, outputTokens: 276, trafficClass: "API log", model: "GPT-4" },
      { arrivalMs: 41_000, inputTokens: 185, outputTokens: 16, trafficClass: "API log", model: "ChatGPT" },
    ],
  ],
  "burstgpt-3.csv": [
    "burstgpt",
    [
      {
        arrivalMs: 0,
        inputTokens: 906,
        outputTokens: 446,
        session: "1722ac82-0a46-4bf0-aa08-89794e7a2b3f",
        turn: 1,
        trafficClass: "Conversation log",
        model: "GPT-4",
      },
      {
        arrivalMs: 51_000,
        inputTokens: 36,
        outputTokens: 29,
        session: "d5983bf9-4b48-497b-892b-a58995247443",
        turn: 1,
        trafficClass: "Conversation log",
        model: "ChatGPT",
      },
      {
        arrivalMs: 82_000,
        inputTokens: 1400,
        outputTokens: 210,
        session: "1722ac82-0a46-4bf0-aa08-89794e7a2b3f",
        turn: 2,
        thinkMs: 39_000,
        trafficClass: "Conversation log",
        model: "GPT-4",
      },
      { arrivalMs: 83_500, inputTokens: 90, outputTokens: 31, trafficClass: "API log", model: "ChatGPT" },
    ],
  ],
  "mooncake.jsonl": [
    "mooncake",
    [
      { arrivalMs: 0, inputTokens: 1500, outputTokens: 500, prefixBlocks: [0, 1, 2] },
      { arrivalMs: ms(1499.5), inputTokens: 700, outputTokens: 20, prefixBlocks: [0, 3] },
      { arrivalMs: 2999, inputTokens: 512, outputTokens: 3, prefixBlocks: [0] },
      { arrivalMs: 6000, inputTokens: 1600, outputTokens: 7, prefixBlocks: [0, 1, 4, 5] },
      { arrivalMs: ms(6000 + 2999 / 3), inputTokens: 40, outputTokens: 8, prefixBlocks: [6] },
      { arrivalMs: ms(6000 + (2 * 2999) / 3), inputTokens: 41, outputTokens: 9, prefixBlocks: [7] },
      { arrivalMs: 30_000, inputTokens: 42, outputTokens: 10, prefixBlocks: [8] },
      { arrivalMs: ms(31_499.5), inputTokens: 43, outputTokens: 11, prefixBlocks: [9] },
    ],
  ],
  "mooncake-exact.jsonl": [
    "mooncake",
    [
      { arrivalMs: 0, inputTokens: 40_160, outputTokens: 6 },
      { arrivalMs: 0.5, inputTokens: 36_640, outputTokens: 4 },
      { arrivalMs: 40, inputTokens: 23_769, outputTokens: 3 },
      { arrivalMs: 41, inputTokens: 32_140, outputTokens: 92 },
      { arrivalMs: 2471, inputTokens: 28, outputTokens: 445 },
    ],
  ],
  "aiperf-sessions.jsonl": [
    "mooncake",
    [
      { arrivalMs: 0, inputTokens: 300, outputTokens: 40, session: "a", turn: 1 },
      {
        arrivalMs: 50,
        inputTokens: 5,
        outputTokens: 25,
        prompt: "Why is the sky blue?",
        session: "b",
        turn: 1,
      },
      // Without a time it comes after the row before it: they share its tick.
      { arrivalMs: ms(66.667), inputTokens: 490, outputTokens: 20, session: "a", turn: 2, thinkMs: 2000 },
      {
        arrivalMs: ms(83.333),
        inputTokens: 33,
        outputTokens: 30,
        messages: [
          { role: "user", content: "Why is the sky blue?" },
          { role: "assistant", content: null, tokens: 25 },
          { role: "user", content: "And at dusk?" },
        ],
        session: "b",
        turn: 2,
        thinkMs: 500,
      },
      {
        arrivalMs: 300,
        inputTokens: 5,
        outputTokens: 5,
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Name a star." },
        ],
      },
    ],
  ],
  "timed-trace.jsonl": [
    "timed-trace",
    [
      { arrivalMs: 0, inputTokens: 40, outputTokens: 16, prefixBlocks: [1, 2, 3], blockTokens: 16 },
      { arrivalMs: 250, inputTokens: 48, outputTokens: 8, prefixBlocks: [1, 2, 4], blockTokens: 16 },
      { arrivalMs: 1500, inputTokens: 20, outputTokens: 4, prefixBlocks: [5, 6], blockTokens: 16 },
    ],
  ],
  "bailian.jsonl": [
    "bailian",
    [
      chat(0, [40, 12], [1089, 1090, 1091], { session: "55", turn: 1, trafficClass: "text" }),
      chat(204, [33, 3], [2000, 2001, 2002], { session: "17", turn: 3, trafficClass: "search" }),
      chat(61_114, [64, 132], [1089, 1090, 6326, 13_148], { session: "55", turn: 2, trafficClass: "text" }),
      chat(90_500, [210, 9], [1089, 1090, 6326, 13_148], { session: "55", turn: 3, trafficClass: "file" }),
    ],
  ],
  "sharegpt.json": [
    "sharegpt",
    [
      {
        arrivalMs: 0,
        inputTokens: 6,
        outputTokens: 3,
        messages: [{ role: "user", content: 'Say "hello" in two [words], please.' }],
        session: "first_0",
        turn: 1,
      },
      {
        arrivalMs: 0,
        inputTokens: 10,
        outputTokens: 1,
        messages: [
          { role: "user", content: 'Say "hello" in two [words], please.' },
          { role: "assistant", content: "Well, hello\nthere!" },
          { role: "user", content: "Shorter." },
        ],
        session: "first_0",
        turn: 2,
      },
      {
        arrivalMs: 0,
        inputTokens: 2,
        outputTokens: 3,
        messages: [{ role: "user", content: "Go on" }],
        session: "third_0",
        turn: 1,
      },
    ],
  ],
  "plimsoll.jsonl": [
    "plimsoll",
    [
      {
        arrivalMs: 0,
        inputTokens: 200,
        outputTokens: 30,
        prefixBlocks: [9_007_199_254_740_991, 7, 8],
        blockTokens: 64,
        tenant: "t1",
        priority: 2,
        session: "s1",
        turn: 1,
        trafficClass: "chat",
        model: "m1",
      },
      {
        arrivalMs: 3000,
        inputTokens: 320,
        outputTokens: 12,
        prefixBlocks: [9_007_199_254_740_991, 7, 8, 11],
        blockTokens: 64,
        session: "s1",
        turn: 2,
        thinkMs: 2100,
      },
      {
        arrivalMs: ms(3087.5),
        inputTokens: 5,
        outputTokens: 2,
        session: "s2",
        turn: 4,
        thinkMs: 250,
        prompt: "Five words of a prompt",
      },
      {
        arrivalMs: ms(3087.5),
        inputTokens: 3,
        outputTokens: 6,
        messages: [{ role: "user", content: "one two three" }],
      },
    ],
  ],
};

function chat(
  atMs: number,
  [inputTokens, outputTokens]: readonly [number, number],
  prefixBlocks: readonly number[],
  more: Partial<TraceRequest>,
): TraceRequest {
  return { arrivalMs: ms(atMs), inputTokens, outputTokens, prefixBlocks, blockTokens: 16, ...more };
}

test.each(Object.entries(TRACES))("%s is read as it is meant", async (name, [format, requests]) => {
  const { requests: found, reading } = await read(name);
  expect(reading).toMatchObject({ format, requests: requests.length, broken: 0 });
  expect(found).toStrictEqual(requests);
});

describe("what rows are left out of", () => {
  it("BurstGPT: requests that had failed", async () => {
    const { reading } = await read("burstgpt-1.csv");
    expect([...reading.leftOut]).toEqual([[expect.stringContaining("0 response tokens"), 1]]);
  });

  it("ShareGPT: what nobody asked or answered; it says no times, and its lengths are counted", async () => {
    const { reading } = await read("sharegpt.json");
    expect(reading).toMatchObject({ timed: false, lengths: "words", rows: 3 });
    expect([...reading.leftOut]).toEqual([["hold no question with an answer", 1]]);
  });

  it("Plimsoll's own: requests without an answer", async () => {
    const { reading } = await read("plimsoll.jsonl");
    expect([...reading.leftOut]).toEqual([["had no answer (output_length 0)", 1]]);
  });
});

describe("ServeGen's parameters", () => {
  const named = async (name: string) => ({ source: name, bytes: await bytesOf(`servegen/${name}`) });
  const client = async (id: number) =>
    readServegenClient(id, await named(`chunk-${id}-trace.csv`), await named(`chunk-${id}-dataset.json`));

  it("are windows of rates and gaps, and lengths from a time on", async () => {
    const { windows, lengths } = await client(0);
    expect(windows).toEqual([
      { from: 0, rate: 0, gaps: "Gamma", shape: 1 },
      { from: 600, rate: 0.5, gaps: "Gamma", shape: 1 },
      { from: 1200, rate: 0.25, gaps: "Weibull", shape: 0.4 },
      { from: 1800, rate: 0, gaps: "Gamma", shape: 1 },
    ]);
    expect(lengths).toEqual([
      {
        from: 600,
        input: { tokens: Float64Array.of(100, 200, 4000), parts: Float64Array.of(0.5, 0.75, 1) },
        output: { tokens: Float64Array.of(10, 900), parts: Float64Array.of(0.75, 1) },
      },
    ]);
  });

  it("make traffic of those rates, in order, each client's with lengths of its own", async () => {
    const clients = await Promise.all([client(0), client(7)]);
    const traffic = [...servegenTraffic(clients, 3)];
    const arrivals = traffic.map(({ arrivalMs }) => arrivalMs);
    expect(arrivals).toEqual(arrivals.toSorted((a, b) => a - b));
    expect(arrivals[0]).toBe(0);
    // The last of each window's gaps ends with it: 299 in the first window, 149 in the second; 59 of the other client.
    expect(traffic.filter(({ tenant }) => tenant === "client-0")).toHaveLength(299 + 149);
    expect(traffic.filter(({ tenant }) => tenant === "client-7")).toHaveLength(59);
    for (const { tenant, inputTokens, outputTokens } of traffic) {
      const [inputs, outputs] =
        tenant === "client-7"
          ? [[7], [3]]
          : [
              [100, 200, 4000],
              [10, 900],
            ];
      expect(inputs).toContain(inputTokens);
      expect(outputs).toContain(outputTokens);
      // Long prompts have long answers: both stand at the same part.
      if (tenant === "client-0") expect(outputTokens === 900).toBe(inputTokens === 4000);
    }
    expect([...servegenTraffic(clients, 3)]).toEqual(traffic);
    expect([...servegenTraffic(clients, 4)]).not.toEqual(traffic);
  });
});

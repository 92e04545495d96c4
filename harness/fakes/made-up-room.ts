/** What `POST /ep/v1/what-if/:pool` answers of a pool that is made up: as much as the dashboard reads. */
export function madeUpRoom(what: string, { nodes, gpusPerNode, slotsPerGpu, experts }: RoomShape): object {
  const head = {
    format: "plimsoll.what-if/1",
    what,
    atMs: 1_700_000_000_000,
    why: null,
    gpus: ["h100", "h200"],
    stopped: false,
    notes: [],
  };
  if (what === "slots") {
    const gpus = nodes * gpusPerNode;
    const points = [0, 1, 2, 3].map((more) => ({
      slotsPerGpu: slotsPerGpu + more,
      redundant: gpus * (slotsPerGpu + more) - experts,
      stepFactor: 1 + 0.2 / (1 + more),
      fullestGpu: 1 + 0.1 / (1 + more),
      throughput: null,
    }));
    return {
      ...head,
      points,
      now: { ...points[0], stepFactor: 1.22 },
      slotBytes: 2.5e9,
      notes: [UNKNOWN_GPU],
    };
  }
  const two = (p50: number) => ({ p50, p95: 1.5 * p50 });
  if (what === "nodes") {
    const sizes = [nodes - 1, nodes, nodes + 1].map((size) => ({
      nodes: size,
      gpus: size * gpusPerNode,
      slotsPerGpu,
      why: size < nodes ? "cannot serve it: too small" : null,
      stepMs: 300 / size,
      ttftMs: two(40_000 / size),
      itlMs: two(50),
      most: { tokensPerSecond: 5000 * size, factor: size / nodes, atLeast: false },
    }));
    return { ...head, points: sizes };
  }
  return {
    ...head,
    measured: { ...MEASURED, ttftMs: two(1000), itlMs: two(50) },
    most: { tokensPerSecond: 300_000, factor: 1.8, atLeast: false },
    points: [0.5, 1, 1.5, 2].map((factor) => ({
      factor,
      requestsPerSecond: 40 * factor,
      tokensPerSecond: Math.min(300_000, 170_000 * factor),
      keepsUp: factor < 1.8,
      stepMs: 30,
      ttftMs: two(1000 * factor ** 2),
      itlMs: two(50),
    })),
  };
}

interface RoomShape {
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly slotsPerGpu: number;
  readonly experts: number;
}

const UNKNOWN_GPU = "the type of GPU is not known";
const MEASURED = {
  seconds: 60,
  requestsPerSecond: 40,
  promptTokens: 4000,
  answerTokens: 200,
  tokensPerSecond: 170_000,
};

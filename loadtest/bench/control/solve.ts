import { fastify } from "fastify";
import { Solver } from "../../../src/control/solve/solver.ts";
import { nest } from "../../../src/formats/json.ts";
import { readPlacementFile } from "../../../src/formats/placement-file.ts";
import { solveRoute } from "../../../src/http/solve-route.ts";
import { Rng } from "../../../src/lib/rng.ts";
import { type Topology, gpuCount, slotCount } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { scattered } from "../placement/drift-cases.ts";
import { pool } from "../pools.ts";

const AIM_MS = 50;
/** How far the loads of two rounds differ: lognormal σ. */
const VARIATION = 0.1;

interface Sizes {
  /** At least one. */
  readonly warmUp: number;
  readonly rounds: number;
}

const SIZES: Sizes = { warmUp: 20, rounds: 60 };

/** How long `POST /ep/v1/solve` takes over HTTP on loopback, the body's JSON and the answer's included, with a warm thread. */
export async function solveTable(
  { input, seed, progress }: Bench,
  topology: Topology = pool(288, 32),
  { warmUp, rounds }: Sizes = SIZES,
): Promise<BenchTable> {
  const { loads, model } = input;
  const rng = new Rng(seed, 7);
  const solver = new Solver(async () => [model]);
  const app = fastify({ bodyLimit: 16 * 1024 * 1024 });
  solveRoute(app, solver);
  try {
    const url = `${await app.listen({ port: 0, host: "127.0.0.1" })}/ep/v1/solve`;
    progress(`solve: ${warmUp + rounds} rounds`);
    let previous: number[][] | undefined;
    const anew = new Float64Array(rounds);
    const adapted = new Float64Array(rounds);
    for (let round = -warmUp; round < rounds; round++) {
      const load = scattered(loads[0], VARIATION, rng);
      const body = { load: nest(load.tokens, load.experts), topology, model: model.name };
      const [anewMs, file] = await timed(url, body);
      const [adaptedMs] = previous === undefined ? [0] : await timed(url, { ...body, previous });
      const { placement } = readPlacementFile(file, url);
      previous = nest(placement.physicalToLogical, slotCount(topology));
      if (round < 0) continue;
      anew[round] = anewMs;
      adapted[round] = adaptedMs;
    }
    const row = (name: string, times: Float64Array) => {
      const sorted = times.toSorted();
      return [name, sorted[rounds >> 1], sorted[Math.floor(0.99 * rounds)]] as const;
    };
    const rows = [row("from scratch", anew), row("from the placement in force", adapted)];
    const [{ layers, experts }] = loads;
    return {
      title: `POST /ep/v1/solve over HTTP: ${layers} layers × ${experts} experts on ${slotCount(topology)} slots of ${gpuCount(topology)} GPUs`,
      columns: [{ name: "placement" }, { name: "median, ms", digits: 1 }, { name: "p99, ms", digits: 1 }],
      rows,
      notes: [
        `${rounds} rounds, each with a load of its own, one request at a time, after ${warmUp} to warm up.`,
      ],
      aims: rows.map(([name, medianMs]) => ({
        what: `solve ${name}, median ms`,
        measured: medianMs,
        atMost: AIM_MS,
      })),
    };
  } finally {
    await app.close();
    await solver.close();
  }
}

async function timed(url: string, body: unknown): Promise<[number, Uint8Array]> {
  const from = performance.now();
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const file = new Uint8Array(await response.arrayBuffer());
  const took = performance.now() - from;
  if (!response.ok) throw new Error(new TextDecoder().decode(file));
  return [took, file];
}

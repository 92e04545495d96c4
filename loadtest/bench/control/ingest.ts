import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { stringify } from "yaml";
import { nest } from "../../../src/formats/json.ts";
import { binaryLoad } from "../../../harness/binary-load.ts";
import { startRedis } from "../../../harness/fakes/redis-server.ts";
import { GatewayProcess } from "../../../harness/cluster/gateway-process.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { cpuSeconds } from "../gateway/process-usage.ts";

const IN_FLIGHT = 8;
const WARM_UP_MS = 1000;
const SPELL_MS = 3000;
const SPELLS = 3;
const RANKS = 32;
const AIM_PER_SECOND = 1000;

interface Spell {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** Reports of DeepSeek-V3's counts that one gateway process takes in, HTTP included, and passes on to Redis. */
export async function ingestTable({ input: { model }, progress }: Bench): Promise<BenchTable> {
  const layers = model.moeLayers.length;
  const { experts } = model;
  const counts = new Uint32Array(layers * experts).fill(11);
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-ingest-"));
  await using redis = await startRedis();
  const gateway = new GatewayProcess(join(folder, "gateway.yaml"), redis.port, (port) =>
    stringify({
      http: { port: 0, logLevel: "silent" },
      control: { rankSilenceMs: 0 },
      store: { url: `redis://127.0.0.1:${port}` },
      pools: [
        {
          name: "p",
          kind: "openai",
          models: ["m"],
          urls: ["http://127.0.0.1:9"],
          experts: { model: "deepseek-v3", topology: "ep32" },
        },
      ],
    }),
  );
  await gateway.start();
  const client = new Pool(gateway.url, { connections: IN_FLIGHT, pipelining: 1 });
  let window = 0;
  const send = async (binary: boolean) => {
    const rank = window++ % RANKS;
    const report = { rank, window, incarnation: null, windowMs: 1000, counts };
    const { statusCode, body } = await client.request(
      binary
        ? {
            method: "POST",
            path: "/ep/v1/load?pool=p",
            headers: { "content-type": "application/vnd.plimsoll.load" },
            body: binaryLoad(report, layers, experts),
          }
        : {
            method: "POST",
            path: "/ep/v1/load",
            headers: { "content-type": "application/json" },
            body: `{"pool":"p","rank":${rank},"window":${window},"windowMs":1000,"logical_count":${matrix}}`,
          },
    );
    await body.dump();
    if (statusCode !== 202) throw new Error(`a report was answered ${statusCode}`);
  };
  const matrix = JSON.stringify(nest(Float64Array.from(counts), experts));
  const spell = async (binary: boolean, ms: number): Promise<Spell> => {
    const before = cpuSeconds([gateway.pid]);
    const from = performance.now();
    let taken = 0;
    const until = from + ms;
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async () => {
        for (; performance.now() < until; taken++) await send(binary);
      }),
    );
    const seconds = (performance.now() - from) / 1000;
    return { perSecond: taken / seconds, perCpuSecond: taken / (cpuSeconds([gateway.pid]) - before) };
  };
  const bytes: Spell[] = [];
  const json: Spell[] = [];
  try {
    await spell(true, WARM_UP_MS);
    await spell(false, WARM_UP_MS);
    for (let i = 0; i < SPELLS; i++) {
      progress(`ingest: ${i + 1} of ${SPELLS}`);
      bytes.push(await spell(true, SPELL_MS));
      await sleep(500);
      json.push(await spell(false, SPELL_MS));
      await sleep(500);
    }
  } finally {
    await client.close();
    await gateway.stop("SIGKILL");
    await gateway.store.cut();
    await rm(folder, { recursive: true });
  }
  const median = (spells: readonly Spell[], value: (spell: Spell) => number) =>
    spells.map(value).toSorted((a, b) => a - b)[spells.length >> 1];
  const rows = [
    ["in bytes", bytes],
    ["in JSON", json],
  ] as const;
  return {
    title: `Reports of ${layers} × ${experts} counts that one gateway takes in`,
    columns: [{ name: "form" }, { name: "per second" }, { name: "per CPU second" }],
    rows: rows.map(([form, spells]) => [
      form,
      median(spells, (one) => one.perSecond),
      median(spells, (one) => one.perCpuSecond),
    ]),
    notes: [
      `${IN_FLIGHT} at a time over loopback, medians of ${SPELLS} interleaved spells of ${SPELL_MS / 1000} s; sender, Redis and ` +
        "gateway share the machine. A CPU second is one core's, of all the gateway's threads.",
    ],
    aims: [
      {
        what: "reports in bytes per CPU second",
        measured: median(bytes, (one) => one.perCpuSecond),
        atLeast: AIM_PER_SECOND,
      },
    ],
  };
}

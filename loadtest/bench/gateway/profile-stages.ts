import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchTable } from "../bench-table.ts";
import { type Cell, cellName } from "./cells.ts";
import type { LoadFigures } from "./load.ts";

/** A CPU profile as V8 writes it. Times are microseconds of the machine's monotonic clock. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** What a cell's windows measured of the gateway that was profiled. */
export interface Profiled {
  readonly cell: Cell;
  readonly windows: readonly LoadFigures[];
}

/** The first whose pattern is found in a function's file has its time, and that of what it calls without a stage. */
const STAGES: readonly (readonly [stage: string, files: RegExp])[] = [
  [
    "read the request",
    /src\/(?:http\/(?:read-|collected-|body-|in-turn|content-enc|framing|request-origin|reading-)|serving\/request\/|lib\/json)/,
  ],
  ["admit", /src\/serving\/admission\//],
  ["route", /src\/(?:routing|core|model)\/|src\/serving\/models\//],
  ["send and receive (engines)", /src\/engines\//],
  ["relay the answer", /src\/http\/(?:client-response|write-chunk|whole-frames|headers|error)/],
  ["account", /src\/(?:telemetry|serving\/(?:traffic|health|affinity|sharing|locality|capture|tracing))\//],
  ["the request's life", /src\/(?:serving|http|compose)/],
  ["undici", /node_modules\/undici\//],
  ["Fastify", /node_modules\/(?:fastify|find-my-way|@fastify|avvio|pino)/],
  ["Node's HTTP server", /^node:_http/],
  ["Node's sockets, streams, timers", /^node:/],
];
/** Functions of Node's own that write to a socket: what the kernel does with it, and where it lets others run first. */
const WRITES = /^(?:writev|writeBuffer|writeLatin1String|writeUtf8String)$/;
const WRITTEN = "writes to sockets";
const COLLECTED = "garbage collection";
const OUTSIDE = "outside JavaScript";
const IDLE = "(idle)";

/** Microseconds of CPU time by stage, for each cell, per request or frame. @param folder where the profile was written */
export async function stageTables(folder: string, profiled: readonly Profiled[]): Promise<BenchTable[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile"));
  const profiles = await Promise.all(
    files.map(async (name) => JSON.parse(await readFile(join(folder, name), "utf8")) as CpuProfile),
  );
  return profiled.map(({ cell, windows }) => {
    const framed = cell.manner.kind !== "whole";
    const count = windows.reduce((sum, { requests, frames }) => sum + (framed ? frames : requests), 0);
    const cpu = windows.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
    const shares = sharesOf(profiles, windows);
    const each = (1e6 * cpu) / count;
    const rows = [...shares]
      .toSorted(([, a], [, b]) => b - a)
      .map(([stage, share]) => [stage, share * each, 100 * share]);
    return {
      title: `Where the time goes: ${cellName(cell)}`,
      columns: [
        { name: "stage" },
        { name: framed ? "µs per frame" : "µs per request", digits: 1 },
        { name: "%", digits: 1 },
      ],
      rows: [...rows, ["all", each, 100]],
      notes: [
        "Samples of a CPU profile, which slows the gateway, at times when it was not idle; a stage has what it calls in Node too.",
      ],
      aims: [],
    };
  });
}

function sharesOf(profiles: readonly CpuProfile[], windows: readonly LoadFigures[]): Map<string, number> {
  const times = new Map<string, number>();
  let all = 0;
  for (const { nodes, startTime, samples, timeDeltas } of profiles) {
    const stages = stagesOf(nodes);
    let at = startTime;
    for (const [i, id] of samples.entries()) {
      at += timeDeltas[i];
      const stage = stages.get(id);
      if (stage === undefined || !windows.some(({ fromUs, toUs }) => at >= fromUs && at < toUs)) continue;
      times.set(stage, (times.get(stage) ?? 0) + timeDeltas[i]);
      all += timeDeltas[i];
    }
  }
  return new Map([...times].map(([stage, us]) => [stage, us / all]));
}

/** The stage of each node, by the nearest function above it that has one; none for idle time. */
function stagesOf(nodes: readonly ProfileNode[]): Map<number, string> {
  const stages = new Map<number, string>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const visit = (root: ProfileNode): void => {
    const open: [ProfileNode, string][] = [[root, OUTSIDE]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [node, above] = next;
      const { functionName, url } = node.callFrame;
      const own = ownStage(functionName, url);
      const stage = own ?? above;
      if (functionName !== IDLE) stages.set(node.id, stage);
      for (const child of node.children ?? []) open.push([byId.get(child) as ProfileNode, stage]);
    }
  };
  if (nodes.length > 0) visit(nodes[0]);
  return stages;
}

function ownStage(functionName: string, url: string): string | undefined {
  if (functionName === "(garbage collector)") return COLLECTED;
  if (url === "" && WRITES.test(functionName)) return WRITTEN;
  return STAGES.find(([, files]) => files.test(url))?.[0];
}

import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { benchCommand } from "../bench-command.ts";
import { decodeTable } from "./decode.ts";
import { destinationsTable } from "./destinations.ts";
import { iidTable } from "./iid.ts";
import { memoryTable } from "./memory.ts";
import { overlapTable } from "./overlap.ts";
import { speedTable } from "./speed.ts";
import { ranksTable, streamTable } from "./stream.ts";

const command = benchCommand(
  "bench:dispatch",
  "Every dispatch policy on EPLB's placements and ours: hops, balance, activated experts, overlap, speed and memory.",
  {
    stream: (bench) => streamTable(bench),
    ranks: (bench) => ranksTable(bench),
    destinations: (bench) => destinationsTable(bench),
    iid: (bench) => iidTable(bench),
    decode: (bench) => decodeTable(bench),
    speed: (bench) => speedTable(bench),
    overlap: (bench) => overlapTable(bench),
    memory: (bench) => memoryTable(bench),
  },
);

await exitByOutcome(() => command.parseAsync());

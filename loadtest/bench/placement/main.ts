import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { benchCommand } from "../bench-command.ts";
import { activationTable } from "./activation.ts";
import { driftTable } from "./drift.ts";
import { eventLoopTable } from "./event-loop-table.ts";
import { forecastTable } from "./forecast.ts";
import { hopsTable } from "./hops.ts";
import { movesTable } from "./moves.ts";
import { qualityTable } from "./quality.ts";
import { timeTable } from "./time.ts";

const command = benchCommand(
  "bench:placement",
  "Plimsoll's placement beside DeepSeek's EPLB: quality, drift, hops, moves, decode and time.",
  {
    quality: (bench) => qualityTable(bench),
    drift: (bench) => driftTable(bench),
    forecast: (bench) => forecastTable(bench),
    hops: (bench) => hopsTable(bench),
    moves: (bench) => movesTable(bench),
    activation: (bench) => activationTable(bench),
    time: (bench) => timeTable(bench),
    "event-loop": eventLoopTable,
  },
);

await exitByOutcome(() => command.parseAsync());

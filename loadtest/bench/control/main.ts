import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { benchCommand } from "../bench-command.ts";
import { followTable } from "./follow.ts";
import { ingestTable } from "./ingest.ts";
import { lossTable } from "./loss.ts";
import { solveTable } from "./solve.ts";

const command = benchCommand(
  "bench:control",
  "The control plane on a real Redis: loads taken in, publish to follower, loss of a rank, solve.",
  {
    ingest: (bench) => ingestTable(bench),
    follow: (bench) => followTable(bench),
    loss: (bench) => lossTable(bench),
    solve: (bench) => solveTable(bench),
  },
);

await exitByOutcome(() => command.parseAsync());

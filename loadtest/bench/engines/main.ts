import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { benchCommand } from "../bench-command.ts";
import { enginesTable } from "./engines-table.ts";
import { entriesTable } from "./entries-table.ts";
import { movesTable } from "./moves-table.ts";

const command = benchCommand(
  "bench:engines",
  "What stock engines make of placements by their own dispatch: EPLB's beside ours, even and by weighted tables.",
  {
    engines: (bench) => enginesTable(bench),
    entries: (bench) => entriesTable(bench),
    moves: (bench) => movesTable(bench),
  },
);

await exitByOutcome(() => command.parseAsync());

import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { benchCommand } from "../bench-command.ts";
import { determinismTable } from "./determinism.ts";
import { effectsTable } from "./effects.ts";
import { errorsTable } from "./errors.ts";
import { modelsTable } from "./models.ts";
import { movesTable } from "./moves.ts";
import { setUpTable } from "./set-up.ts";
import { speedTable } from "./speed.ts";

const command = benchCommand(
  "bench:twin",
  "The simulated pool: how much faster than time, the same bytes again, what it says when it looks at less, and what moved weights win there.",
  {
    determinism: (bench) => determinismTable(bench),
    "set-up": (bench) => setUpTable(bench),
    speed: (bench) => speedTable(bench),
    errors: (bench) => errorsTable(bench),
    effects: (bench) => effectsTable(bench),
    moves: (bench) => movesTable(bench),
    models: (bench) => modelsTable(bench),
  },
);

await exitByOutcome(() => command.parseAsync());

import { Command } from "commander";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../../src/cli/options.ts";
import { output, writeOutput } from "../../../src/cli/output.ts";
import { loadModel } from "../../../src/config/shapes.ts";
import { chatPool, readConfig } from "../../../harness/fakes/start-gateway.ts";
import { aimMet, tableJson, tableText } from "../bench-table.ts";
import { LIVE_SIZES, liveTable } from "./live/live-table.ts";
import { recordedStreams, syntheticStreams } from "./streams.ts";
import { SIZES, localityTable } from "./table.ts";

interface Options {
  readonly data?: string;
  readonly instances?: number;
  readonly batch?: number;
  readonly live?: true;
  readonly part?: number;
  readonly processes?: number;
  readonly seed: number;
  readonly out?: string;
  readonly json?: true;
}

const command = new Command("bench:locality")
  .description(
    "Ways to choose among several instances of a model: experts read by decode steps, worst GPU, time, load.",
  )
  .option("--data <dir>", "recorded routing: stream.npy and by-domain/; without it, synthetic requests")
  .addOption(countOption("--instances <n>", "so many alone"))
  .addOption(countOption("--batch <n>", "this size alone"))
  .option("--live", "the gateway's own way of requests, instead: in virtual time, from nothing known on")
  .addOption(
    positiveOption("--part <part>", "with --live: of the answers, those that name their experts; 0.1"),
  )
  .addOption(
    countOption("--processes <n>", "with --live: so many beside one, that share groups and that do not"),
  )
  .addOption(countOption("--seed <n>", "of everything that is drawn").default(1))
  .option("--out <file>", "also write the tables there, as JSON")
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

async function run({
  data,
  instances,
  batch,
  live,
  part,
  processes,
  seed,
  out,
  json,
}: Options): Promise<void> {
  const say = output(json ?? false);
  const model = await loadModel("deepseek-v3");
  const streams = data === undefined ? syntheticStreams(model, seed) : await recordedStreams(data, seed);
  const sizes = {
    ...SIZES,
    ...(instances === undefined ? {} : { instances: [instances] }),
    ...(batch === undefined ? {} : { batches: [batch] }),
  };
  const liveSizes = {
    ...LIVE_SIZES,
    ...(instances === undefined ? {} : { instances: [instances] }),
    ...(batch === undefined ? {} : { batch }),
    ...(part === undefined ? {} : { part }),
    ...(processes === undefined ? {} : { processes }),
  };
  const { health } = await readConfig(chatPool("http://127.0.0.1:1"));
  const tables = streams.map((stream) =>
    live
      ? liveTable(stream, model, health, seed, say.progress, liveSizes)
      : localityTable(stream, model, seed, say.progress, sizes),
  );
  const report = {
    seed,
    source: data === undefined ? "synthetic" : "recorded",
    tables: tables.map(tableJson),
  };
  if (out !== undefined) await writeOutput(out, `${JSON.stringify(report, null, 2)}\n`);
  const missed = tables.flatMap(({ aims }) => aims).filter((aim) => !aimMet(aim)).length;
  say.result(report, [...tables.map(tableText), `${missed} aims missed`].join("\n\n"));
}

await exitByOutcome(() => command.parseAsync());

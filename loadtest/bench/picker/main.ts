import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { serverAt } from "../../../harness/fakes/server-at.ts";
import { scratchFolder } from "../../../harness/scratch-folder.ts";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../../src/cli/options.ts";
import { output } from "../../../src/cli/output.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { percentileOf } from "../../../src/lib/percentile.ts";
import { type BenchTable, tableJson, tableText } from "../bench-table.ts";
import { cpuSeconds } from "../gateway/process-usage.ts";
import { type Picked, PickRun } from "./picks.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const ENGINES = 8;
const WARM_UP_SECONDS = 3;
const AIM_MS = 2;
const DEFAULTS = { rate: 1000, seconds: 10, promptBytes: 8192, repeats: 3 };

interface Flags {
  readonly rate?: number;
  readonly seconds?: number;
  readonly promptBytes?: number;
  readonly repeats?: number;
  readonly json?: true;
}

const command = new Command("bench:picker")
  .description(
    "The endpoint picker under a load at a fixed rate, as a proxy has it: pick times, and what a pick costs.",
  )
  .addOption(countOption("--rate <n>", `picks a second (default: ${DEFAULTS.rate})`))
  .addOption(positiveOption("--seconds <s>", `of each repeat (default: ${DEFAULTS.seconds})`))
  .addOption(countOption("--prompt-bytes <n>", `of each request (default: ${DEFAULTS.promptBytes})`))
  .addOption(countOption("--repeats <n>", `(default: ${DEFAULTS.repeats})`))
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

await exitByOutcome(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  if (!existsSync("/proc/self/stat"))
    throw new InputError("bench:picker", "", "reads CPU times from /proc; run it on Linux");
  const { result, progress } = output(flags.json ?? false);
  const { rate, seconds, promptBytes, repeats } = { ...DEFAULTS, ...flags };
  await using folder = await scratchFolder();
  await using stack = new AsyncDisposableStack();
  const urls: string[] = [];
  for (let i = 0; i < ENGINES; i++) {
    const { port } = stack.use(await serverAt("127.0.0.1", 0));
    urls.push(`http://127.0.0.1:${port}`);
  }
  const config = await folder.write(
    "gateway.yaml",
    `http: { port: 0 }\npicker: { port: 0 }\npools: [{ name: chat, kind: openai, models: [small], urls: [${urls.join(", ")}] }]`,
  );
  const gateway = spawn(process.execPath, [MAIN, "serve", "--config", config, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stack.defer(async () => {
    const gone = once(gateway, "exit");
    gateway.kill("SIGTERM");
    await gone;
  });
  const [line] = (await once(createInterface(gateway.stdout), "line")) as [string];
  const { picker } = JSON.parse(line) as { readonly picker: string };
  const pid = gateway.pid as number;
  const picks = async (forSeconds: number): Promise<{ picked: Picked; cpu: number }> => {
    const load = new PickRun({ picker, perSecond: rate, seconds: forSeconds, promptBytes });
    const before = cpuSeconds([pid]);
    const picked = await load.run();
    load.close();
    return { picked, cpu: cpuSeconds([pid]) - before };
  };
  progress(`${ENGINES} servers, ${rate} picks/s of ${promptBytes} bytes`);
  await picks(WARM_UP_SECONDS);
  const rows: (string | number)[][] = [];
  let worst = 0;
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const { picked, cpu } = await picks(seconds);
    const [p50, p99, late] = [
      percentileOf(picked.times, 50) / 1000,
      percentileOf(picked.times, 99) / 1000,
      percentileOf(picked.late, 99) / 1000,
    ];
    worst = Math.max(worst, p99);
    rows.push([
      `${repeat}`,
      picked.picks,
      picked.failed,
      p50,
      p99,
      late,
      (1e6 * cpu) / Math.max(1, picked.picks),
    ]);
  }
  const cores = cpus();
  const table: BenchTable = {
    title: `Picks, ${rate} a second, prompts of ${promptBytes} bytes`,
    columns: [
      { name: "repeat" },
      { name: "picks" },
      { name: "failed" },
      { name: "p50 ms", digits: 2 },
      { name: "p99 ms", digits: 2 },
      { name: "client late, p99 ms", digits: 2 },
      { name: "CPU µs per pick", digits: 0 },
    ],
    rows,
    notes: [
      `${cores.length} × ${cores[0].model}, shared by gateway and load generator. Times are from the request to its answer, as the proxy's side sees them; CPU is all that the gateway's process computes, with the answer's three messages.`,
    ],
    aims: [{ what: "p99 of the slowest repeat, ms", measured: worst, atMost: AIM_MS }],
  };
  result(tableJson(table), tableText(table));
}

import { Command } from "commander";
import { TraceShape } from "../../replay/trace-shape/trace-shape.ts";
import { countOption, jsonOption } from "../options.ts";
import { output, writeOutput } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { inspectPage } from "./inspect-page.ts";
import { type Inspected, inspectText } from "./inspect-text.ts";
import { type OpenTrace, openTrace, TRACE_FILES, type TraceFlags, withTraceOptions } from "./open-trace.ts";

interface InspectFlags extends TraceFlags {
  readonly out?: string;
  readonly seed: number;
  readonly json?: true;
}

/** `replay inspect`: what a trace holds, before anyone runs it. */
export function inspectCommand(): Command {
  const command = new Command("inspect")
    .description("Say what a trace holds: rate over time, burstiness, lengths, shared prefixes, turns.")
    .argument("<trace>", TRACE_FILES)
    .option("--out <file>", "also write a page with charts (HTML)")
    .addOption(countOption("--seed <n>", "of what is drawn where a trace is rates and lengths").default(1))
    .addOption(jsonOption())
    .action(inspect);
  return withTraceOptions(command);
}

async function inspect(path: string, flags: InspectFlags): Promise<void> {
  const trace = await openTrace(path, flags, flags.seed);
  const inspected = await inspectTrace(path, trace);
  if (flags.out !== undefined) await writeOutput(flags.out, inspectPage(inspected));
  output(flags.json ?? false).result(inspectReport(inspected), inspectText(inspected));
}

async function inspectTrace(path: string, trace: OpenTrace): Promise<Inspected> {
  const bar = new ProgressBar(process.stderr, 1);
  bar.begin(path, 1);
  const shape = new TraceShape();
  try {
    for await (const request of trace.requests) {
      shape.add(request);
      bar.update(trace.part() ?? 0);
    }
  } finally {
    bar.clear();
  }
  return { path, reading: trace.reading(), figures: shape.figures() };
}

/** As `--json` says it. */
function inspectReport({ path, reading, figures }: Inspected) {
  const { leftOut, ...read } = reading;
  return { trace: path, ...read, leftOut: Object.fromEntries(leftOut), ...figures };
}

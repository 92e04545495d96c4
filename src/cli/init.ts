import { stat } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { isEngineKind, ENGINE_KINDS, type FirstConfig, firstConfig } from "../config/first-config.ts";
import { InputError } from "../lib/errors.ts";
import { countOption, jsonOption, portOption } from "./options.ts";
import { type Questions, askFirstConfig } from "./init-questions.ts";
import { output, writeOutput } from "./output.ts";

interface InitFlags {
  readonly engine?: FirstConfig["kind"];
  readonly url?: readonly string[];
  readonly model?: readonly string[];
  readonly dataParallelSize?: number;
  readonly port?: number;
  readonly out: string;
  readonly json?: true;
}

/** `init`: a first configuration, from three answers. */
export function initCommand(): Command {
  return new Command("init")
    .description(
      "Write a first configuration for servers that run: asks for their engine, their URLs and the model, in a terminal; " +
        "elsewhere the options say it.",
    )
    .option("--engine <engine>", `what the servers run: ${ENGINE_KINDS.join(", ")}`, engineOf)
    .option("--url <url...>", "the servers, e.g. http://10.0.0.1:8000 http://10.0.0.2:8000")
    .option("--model <name...>", "the names that clients ask for")
    .addOption(
      countOption(
        "--data-parallel-size <ranks>",
        "vllm, sglang: ranks of each server, each of which gets requests",
      ),
    )
    .addOption(portOption("--port <port>", "where the gateway listens (default: 8080)"))
    .addOption(new Option("--out <file>", "where to write it").default("gateway.yaml"))
    .addOption(jsonOption())
    .exitOverride()
    .action(init);
}

function engineOf(text: string): FirstConfig["kind"] {
  if (isEngineKind(text)) return text;
  throw new InvalidArgumentError(`Give one of ${ENGINE_KINDS.join(", ")}.`);
}

async function init(flags: InitFlags): Promise<void> {
  const { out, engine = null, url = null, model = null, dataParallelSize = 1, port = 8080 } = flags;
  const { result } = output(flags.json ?? false);
  if (!/\.ya?ml$/.test(out))
    throw new InputError("--out", "", `is ${out}; expected a file that ends in .yaml`);
  if ((await stat(out).catch(() => null)) !== null)
    throw new InputError(out, "", "is there already; name another file with --out, or remove it");
  const given = { kind: engine, urls: url, models: model };
  const questions = process.stdin.isTTY ? terminalQuestions() : null;
  const answers = await askFirstConfig(given, questions).finally(() => questions?.close());
  const { text, config } = await firstConfig({ ...answers, dataParallelSize, port });
  await writeOutput(out, text);
  const next = [`plimsoll check --config ${out}`, `plimsoll serve --config ${out}`];
  result({ out, config, next }, `${out} is written. Next:\n${next.map((line) => `  ${line}`).join("\n")}`);
}

/** Questions stand on standard error: standard output is the result's. */
function terminalQuestions(): Questions & { close(): void } {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const givenUp = () => {
    throw new InputError("init", "", "is given up, and nothing is written; options answer too (init --help)");
  };
  return { ask: (text) => terminal.question(text).catch(givenUp), close: () => terminal.close() };
}

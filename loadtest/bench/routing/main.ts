import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../../src/cli/options.ts";
import { output, readInput } from "../../../src/cli/output.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { ROUTING_POLICIES, type RoutingPolicy } from "../../../src/model/routing-policy.ts";
import { dataFolder } from "../bench-input.ts";
import { aimMet, tableJson, tableText } from "../bench-table.ts";
import { type Case, casesOf } from "./cases.ts";
import { plimsollPeer } from "./plimsoll-peer.ts";
import { type RoutingResults, runRoutingBench } from "./routing-bench.ts";
import type { RoutingPeer } from "./routing-peer.ts";
import { routingTable } from "./routing-tables.ts";
import { rustPeer } from "./rust-peers.ts";
import { runVirtualBench } from "./virtual-bench.ts";
import { namePattern } from "../name-pattern.ts";

const TRACE = "traces/mooncake-fast25/conversation_trace.first2000.jsonl";
const POLICIES: readonly RoutingPolicy[] = ["expert-aware", "least-load"];
const QUICK_PART = 1 / 4;
const REPEATS = 3;

interface Flags {
  readonly repeats?: number;
  readonly seed: number;
  readonly quick?: true;
  readonly part?: number;
  readonly abreast: number;
  readonly virtual?: true;
  readonly cases?: RegExp;
  readonly only?: RegExp;
  readonly policies?: readonly RoutingPolicy[];
  readonly peers?: string;
  readonly before?: string;
  readonly trace?: string;
  readonly json?: true;
}

const command = new Command("bench:routing")
  .description(
    "How well requests are routed to engines with prefix caches: Plimsoll, other routers, and an oracle, in turn.",
  )
  .addOption(countOption("--repeats <n>", `each with a load of its own (default: ${REPEATS}; quick: 1)`))
  .addOption(countOption("--seed <n>", "of the first repeat's loads").default(1))
  .option("--quick", "a quarter of each load, once")
  .addOption(positiveOption("--part <p>", "of each load (default: 1)"))
  .addOption(countOption("--abreast <n>", "routers that are measured at the same time").default(1))
  .option(
    "--virtual",
    "Plimsoll's routing and the oracle alone, in virtual time: seconds in place of an hour",
  )
  .addOption(new Option("--cases <pattern>", "only those whose name matches").argParser(namePattern))
  .addOption(
    new Option("--only <pattern>", "only routers whose name matches, and the oracle").argParser(namePattern),
  )
  .addOption(
    new Option("--policies <names>", `of Plimsoll's, with commas (default: ${POLICIES.join(",")})`).argParser(
      policyNames,
    ),
  )
  .option("--peers <dir>", "where the other routers' executables are (default: PATH)")
  .option("--before <dir>", "another checkout of Plimsoll, installed, to measure in the same run")
  .option("--trace <file>", "a Mooncake trace; default: the one among the data folder's, where it is there")
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

await exitByOutcome(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  const { result, progress } = output(flags.json ?? false);
  const trace = await traceText(flags.trace);
  const part = Math.min(1, flags.part ?? (flags.quick ? QUICK_PART : 1));
  const count = flags.repeats ?? (flags.quick ? 1 : REPEATS);
  const repeats = Array.from({ length: count }, (_, repeat): Case[] =>
    casesOf({ seed: flags.seed + repeat, part, trace }).filter(({ name }) => flags.cases?.test(name) ?? true),
  );
  if (repeats[0].length === 0) throw new InputError("bench:routing", "--cases", "matches no case");
  const policies = flags.policies ?? POLICIES;
  const peers = routers(policies, flags).filter(({ name }) => flags.only?.test(name) ?? true);
  const { figures, notes }: RoutingResults = flags.virtual
    ? runVirtualBench(repeats, policies, flags.seed, progress)
    : await runRoutingBench({ repeats, peers, abreast: flags.abreast, progress });
  const judged = {
    router: nameOf(policies[0]),
    floor: policies.includes("least-load") && policies[0] !== "least-load" ? nameOf("least-load") : null,
    peers: peers.filter(({ own }) => !own).map(({ name }) => name),
  };
  const tables = [...figures].map(([name, ofCase]) => routingTable(name, ofCase, judged));
  const missed = tables.flatMap(({ aims }) => aims.filter((aim) => !aimMet(aim)));
  const cores = cpus();
  const machine = `${cores.length} × ${cores[0].model}, shared by routers, engines and clients`;
  const texts = [
    [machine, ...notes].map((line) => `- ${line}`).join("\n"),
    ...tables.map(tableText),
    `${missed.length} aims missed`,
  ];
  const json = Object.fromEntries(tables.map((table) => [table.title, tableJson(table)]));
  result({ machine, notes, seed: flags.seed, repeats: count, cases: json }, texts.join("\n\n"));
}

function routers(policies: readonly RoutingPolicy[], { peers: folder, before }: Flags): RoutingPeer[] {
  const executables = folder === undefined ? null : resolve(folder);
  const earlier = before === undefined ? [] : [plimsollPeer("before", policies[0], resolve(before))];
  return [
    ...policies.map((policy) => plimsollPeer(nameOf(policy), policy)),
    ...earlier,
    rustPeer("sglang-router", "cache_aware", executables),
    rustPeer("sglang-router", "round_robin", executables),
    rustPeer("smg", "cache_aware", executables),
    rustPeer("vllm-router", "cache_aware", executables),
  ];
}

function nameOf(policy: RoutingPolicy): string {
  return `plimsoll ${policy}`;
}

async function traceText(path: string | undefined): Promise<string | null> {
  const file = path ?? join(dataFolder(), TRACE);
  if (path === undefined && !existsSync(file)) return null;
  return Buffer.from(await readInput(file)).toString();
}

function policyNames(text: string): RoutingPolicy[] {
  return text.split(",").map((name) => {
    const policy = ROUTING_POLICIES.find((one) => one === name);
    if (policy === undefined)
      throw new InvalidArgumentError(`Give some of ${ROUTING_POLICIES.join(", ")}, with commas between.`);
    return policy;
  });
}

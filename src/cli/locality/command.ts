import { Command, InvalidArgumentError, Option } from "commander";
import { writeNpyInt32 } from "../../formats/npy.ts";
import { InputError } from "../../lib/errors.ts";
import {
  LEARNINGS,
  type Learning,
  assignAtRandom,
  assignByExperts,
  assignByKey,
  assignByLoad,
  assignInTurn,
} from "../../twin/instances/assign-requests.ts";
import { type AssignmentFigures, judgeAssignment } from "../../twin/instances/judge-assignment.ts";
import { firstTokens } from "../../twin/instances/first-tokens.ts";
import {
  RequestSignatures,
  SIGNATURES,
  type SignatureSource,
} from "../../twin/instances/request-signatures.ts";
import { countOption, jsonOption, positiveOption } from "../options.ts";
import { output, writeOutput } from "../output.ts";
import { readKinds, readRequests } from "./inputs.ts";
import { localityText, savedBy } from "./report.ts";
import { timedPool } from "./timing.ts";

/** More are no instances of one model. */
const MOST_INSTANCES = 1024;
/** Of load, as a part of an instance's share. */
const DEFAULT_BAND = 0.05;
/** Of attention, in tokens. */
const DEFAULT_CONTEXT = 2000;

interface LocalityOptions {
  readonly trace: string;
  readonly requests: string;
  readonly instances: number;
  readonly batch: number;
  readonly signature: SignatureSource;
  readonly learning: Learning;
  readonly tenants?: string;
  readonly prefixes?: string;
  readonly sessions?: string;
  readonly loadBand: number;
  readonly gpus: { readonly nodes: number; readonly gpusPerNode: number };
  readonly model: string;
  readonly gpu: string;
  readonly context: number;
  readonly seed: number;
  readonly out: string;
  readonly json?: true;
}

export function localityCommand(): Command {
  return new Command("locality")
    .description(
      "Route recorded requests to instances of a model by the experts they use, and say what that would have saved.",
    )
    .requiredOption("--trace <file>", "routing trace (.npy): integers [tokens, layers, topk], −1 for none")
    .requiredOption("--requests <file>", "each token's request (.npy): integers [tokens]")
    .addOption(countOption("--instances <n>", "EP groups that serve the model").makeOptionMandatory())
    .addOption(
      countOption("--batch <n>", "requests that an instance decodes at a time").makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--signature <source>",
        "what is known of a request when it is sent. prefill: its prompt's experts; prefix: those of its first 64 " +
          "tokens, or with --prefixes of earlier prompts that began so; tenant: those of its tenant's earlier prompts",
      )
        .choices(SIGNATURES)
        .default("prefill"),
    )
    .addOption(
      new Option(
        "--learning <from>",
        "what --out is decided with. warm: groups of alike requests were learned from the recording's own first halves " +
          "before its first request, as by a gateway in its stride; cold: from nothing",
      )
        .choices(LEARNINGS)
        .default("warm"),
    )
    .option("--tenants <file>", "whose each request is (.npy): integers [requests] or [tokens]")
    .option(
      "--prefixes <file>",
      "how each prompt begins, as a number (.npy): integers [requests] or [tokens]",
    )
    .option("--sessions <file>", "the session of each request (.npy): integers [requests] or [tokens]")
    .addOption(
      positiveOption(
        "--load-band <part>",
        "of its share of all tokens that an instance may have more at the end",
      ).default(DEFAULT_BAND),
    )
    .addOption(gpusOption().default({ nodes: 1, gpusPerNode: 8 }, "1x8"))
    .option("--model <name>", "whose steps are timed, where the trace fits it", "deepseek-v3")
    .option("--gpu <type>", "of an instance's GPUs", "h200")
    .addOption(countOption("--context <n>", "tokens that a request attends to").default(DEFAULT_CONTEXT))
    .addOption(countOption("--seed <n>", "of the random policy").default(1))
    .requiredOption("--out <file>", "where to write each request's instance (.npy): int32 [requests], by id")
    .addOption(jsonOption())
    .exitOverride()
    .action(locality);
}

async function locality(options: LocalityOptions): Promise<void> {
  const { instances, batch, signature: source, learning, loadBand: band, seed, out } = options;
  const say = output(options.json ?? false);
  if (instances > MOST_INSTANCES) {
    throw new InputError("--instances", "", `is ${instances}; give at most ${MOST_INSTANCES}`);
  }
  if (source === "tenant" && options.tenants === undefined) {
    throw new InputError("--tenants", "", "is missing; signature 'tenant' needs whose each request is");
  }
  const recorded = await readRequests(options.trace, options.requests);
  const { trace, experts, requests } = recorded;
  const kindsOf = async (path: string | undefined, what: string) =>
    path === undefined ? null : readKinds(path, requests, what);
  const tenants = await kindsOf(options.tenants, "tenants");
  const prefixes = await kindsOf(options.prefixes, "prefixes");
  const sessions = await kindsOf(options.sessions, "sessions");
  const { topology, timing } = await timedPool(recorded, { ...options.gpus, ...options });

  const kinds = { prefill: null, prefix: prefixes, tenant: tenants }[source];
  const other = LEARNINGS.find((one) => one !== learning) as Learning;
  const pool = { count: instances, band };
  say.progress(`${requests.count} requests, ${trace.tokens} tokens: routing by experts`);
  const byExperts = (from: Learning) =>
    assignByExperts(requests, new RequestSignatures({ trace, experts, requests, source, kinds }), pool, from);
  const { instanceOf, known } = byExperts(learning);
  const assignments: (readonly [string, Int32Array])[] = [
    ["least-load", assignByLoad(requests, instances)],
    ["round-robin", assignInTurn(requests, instances)],
    ["random", assignAtRandom(requests, instances, seed)],
    ["prefix", assignByKey(requests, pool, prefixes ?? firstTokens(trace, requests))],
  ];
  if (sessions !== null) assignments.push(["session", assignByKey(requests, pool, sessions)]);
  assignments.push([`locality-${other}`, byExperts(other).instanceOf], ["locality", instanceOf]);

  const judged = { trace, experts, requests, instances, batch, topology, timing };
  const figures: Record<string, AssignmentFigures> = {};
  for (const [name, assignment] of assignments) {
    say.progress(`decoding: ${name}`);
    figures[name] = judgeAssignment(judged, assignment);
  }
  for (const name of ["least-load", "locality"]) {
    say.progress(`decoding: ${name}, experts placed`);
    const assignment = assignments.find(([way]) => way === name)?.[1] as Int32Array;
    figures[`${name}, placed`] = judgeAssignment(judged, assignment, true);
  }
  await writeOutput(out, writeNpyInt32([requests.count], instanceOf));
  const report = {
    out,
    requests: requests.count,
    tokens: trace.tokens,
    instances,
    batch,
    gpus: { nodes: topology.nodes, gpusPerNode: topology.gpusPerNode },
    model: timing?.model.name ?? null,
    signature: source,
    learning,
    known: { ...known, part: known.requests / requests.count },
    loadBand: band,
    policies: figures,
    saved: savedBy(figures, "locality"),
    savedOther: { learning: other, ...savedBy(figures, `locality-${other}`) },
  };
  say.result(report, localityText(report));
}

function gpusOption(): Option {
  return new Option("--gpus <nodes x gpus>", "the GPUs of an instance, each with as many experts").argParser(
    (text) => {
      const sizes = /^(\d{1,3})x(\d{1,3})$/.exec(text)?.slice(1).map(Number) ?? [0];
      if (sizes.includes(0)) throw new InvalidArgumentError("Give nodes x GPUs, e.g. 4x8.");
      return { nodes: sizes[0], gpusPerNode: sizes[1] };
    },
  );
}

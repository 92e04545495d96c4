import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readInput } from "../../../src/cli/output.ts";
import { readNpy } from "../../../src/formats/npy.ts";
import { readRoutingTrace } from "../../../src/formats/routing-trace.ts";
import { int32Copy } from "../../../src/lib/readonly-arrays.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import type { RoutingTrace } from "../../../src/model/routing-trace.ts";
import { type RequestTokens, requestTokens } from "../../../src/twin/instances/request-tokens.ts";
import { syntheticTokens } from "../routed-tokens.ts";

const EXPERTS = 256;
const SYNTHETIC_TOKENS = 200_000;
const SYNTHETIC_LAYERS = 6;

/** Requests in the order in which they arrive. */
export interface RequestStream {
  readonly name: string;
  readonly trace: RoutingTrace;
  readonly experts: number;
  readonly requests: RequestTokens;
  /** `[requests]`: what each is about. */
  readonly domains: Float64Array;
}

/** Requests of every domain, shuffled, and the recorded stream, whose domains drift. */
export async function recordedStreams(folder: string, seed: number): Promise<RequestStream[]> {
  return [await mixedDomains(join(folder, "by-domain"), seed), await recordedStream(folder)];
}

export function syntheticStreams(model: MoeModel, seed: number): RequestStream[] {
  const small = { ...model, moeLayers: model.moeLayers.slice(0, SYNTHETIC_LAYERS) };
  const { trace, experts, request, tenant } = syntheticTokens(small, SYNTHETIC_TOKENS, seed, new Rng(seed));
  return [streamOf("synthetic", trace, experts, request, tenant)];
}

async function recordedStream(folder: string): Promise<RequestStream> {
  const path = join(folder, "stream.npy");
  const trace = readRoutingTrace(await readInput(path), path, EXPERTS);
  const request = await integers(join(folder, "stream.request.npy"));
  return streamOf("stream", trace, EXPERTS, request, await integers(join(folder, "stream.domain.npy")));
}

async function mixedDomains(folder: string, seed: number): Promise<RequestStream> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".request.npy")).sort();
  const parts: { readonly experts: Int16Array; readonly domain: number }[] = [];
  let shape = { layers: 0, topk: 0 };
  for (const [domain, name] of names.entries()) {
    const path = join(folder, name.replace(".request.npy", ".npy"));
    const trace = readRoutingTrace(await readInput(path), path, EXPERTS);
    shape = trace;
    const width = trace.layers * trace.topk;
    const { rows, starts, count } = requestTokens(await integers(join(folder, name)));
    for (let request = 0; request < count; request++) {
      const experts = new Int16Array((starts[request + 1] - starts[request]) * width);
      for (let i = starts[request], to = 0; i < starts[request + 1]; i++, to += width) {
        experts.set(trace.experts.subarray(rows[i] * width, (rows[i] + 1) * width), to);
      }
      parts.push({ experts, domain });
    }
  }
  shuffle(parts, new Rng(seed, 3));
  const { layers, topk } = shape;
  const tokensOf = (part: (typeof parts)[number]) => part.experts.length / layers / topk;
  const tokens = parts.reduce((sum, part) => sum + tokensOf(part), 0);
  const experts = new Int16Array(tokens * layers * topk);
  const request = new Int32Array(tokens);
  const domains = new Int32Array(tokens);
  let at = 0;
  for (const [number, part] of parts.entries()) {
    experts.set(part.experts, at * layers * topk);
    request.fill(number, at, at + tokensOf(part));
    domains.fill(part.domain, at, at + tokensOf(part));
    at += tokensOf(part);
  }
  return streamOf("by domain, shuffled", { tokens, layers, topk, experts }, EXPERTS, request, domains);
}

function streamOf(
  name: string,
  trace: RoutingTrace,
  experts: number,
  request: Int32Array,
  domain: Int32Array,
): RequestStream {
  const requests = requestTokens(request);
  const domains = Float64Array.from(
    { length: requests.count },
    (_, i) => domain[requests.rows[requests.starts[i]]],
  );
  return { name, trace, experts, requests, domains };
}

async function integers(path: string): Promise<Int32Array> {
  return int32Copy(readNpy(await readInput(path), path).values);
}

/** Puts a list in another order (Fisher and Yates). */
export function shuffle(list: { [index: number]: unknown; readonly length: number }, rng: Rng): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
}

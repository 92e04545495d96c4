import { isIntegerType, readNpy } from "../../formats/npy.ts";
import { readRoutingTrace } from "../../formats/routing-trace.ts";
import { InputError } from "../../lib/errors.ts";
import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type RequestTokens, requestTokens } from "../../twin/instances/request-tokens.ts";
import { readInput } from "../output.ts";

export interface RecordedRequests {
  readonly trace: RoutingTrace;
  /** Of a layer: one more than the highest number. */
  readonly experts: number;
  readonly requests: RequestTokens;
}

/** A routing trace, and the request of each of its tokens. @throws InputError */
export async function readRequests(tracePath: string, requestsPath: string): Promise<RecordedRequests> {
  const trace = readRoutingTrace(await readInput(tracePath), tracePath);
  const { shape, values } = await readIntegers(requestsPath, "requests");
  if (values.length !== trace.tokens) {
    const hint = `is (${shape.join(", ")}); expected (${trace.tokens}), a request for each token of ${tracePath}`;
    throw new InputError(requestsPath, "shape", hint);
  }
  for (let token = 0; token < values.length; token++) {
    if (values[token] >= 0) continue;
    throw new InputError(requestsPath, `token ${token}`, `has request ${values[token]}; expected 0 or more`);
  }
  let highest = 0;
  for (const id of trace.experts) if (id > highest) highest = id;
  return { trace, experts: highest + 1, requests: requestTokens(values) };
}

/**
 * What requests have in common, such as their tenants: a number for each request, by ascending id, or for each token,
 * of which a request's first counts.
 * @param what the plural, for messages
 * @returns `[requests]`
 * @throws InputError
 */
export async function readKinds(path: string, requests: RequestTokens, what: string): Promise<Float64Array> {
  const { shape, values } = await readIntegers(path, what);
  const tokens = requests.rows.length;
  if (values.length === requests.count) return Float64Array.from(values as ArrayLike<number>);
  if (values.length === tokens) {
    return Float64Array.from({ length: requests.count }, (_, i) => values[requests.rows[requests.starts[i]]]);
  }
  const hint = `is (${shape.join(", ")}); expected (${requests.count}), one for each request, or (${tokens}), one for each token`;
  throw new InputError(path, "shape", hint);
}

async function readIntegers(
  path: string,
  what: string,
): Promise<{ readonly shape: readonly number[]; readonly values: ReadonlyNumbers }> {
  const { dtype, shape, values } = readNpy(await readInput(path), path);
  if (!isIntegerType(dtype)) {
    throw new InputError(path, "descr", `is '${dtype}'; expected integers (${what})`);
  }
  if (shape.length !== 1) {
    throw new InputError(path, "shape", `is (${shape.join(", ")}); expected one axis (${what})`);
  }
  return { shape, values };
}

import { Agent, type ClientRequest, request as httpRequest } from "node:http";
import { setTimeout } from "node:timers/promises";
import type { Address } from "../gateway/load.ts";
import type { RequestTimes } from "./figures.ts";
import type { TimedRequest } from "./workload.ts";

const PATH = "/v1/chat/completions";
/** For what is in flight when the last request was sent. */
const DRAIN_MS = 60_000;
const POLL_MS = 20;
const DONE = "[DONE]";
const UNANSWERED: RequestTimes = { ttftMs: Number.NaN, wholeMs: Number.NaN };

/** How one request went. */
export interface Outcome extends RequestTimes {
  /** Why not; null where it was. */
  readonly failure: string | null;
}

/**
 * Sends every request when it is due, whatever became of those before it.
 * @param to where each is sent, decided when it is due
 * @param fromMs when the load begins, by `performance.now`
 */
export async function sendOpenLoop(
  requests: readonly TimedRequest[],
  to: (request: TimedRequest) => Address,
  fromMs: number,
): Promise<Outcome[]> {
  const agent = new Agent({ keepAlive: true });
  const under = new Set<ClientRequest>();
  const outcomes = requests.map((): Outcome => ({ ...UNANSWERED, failure: "no answer in time" }));
  for (const request of requests) {
    const dueMs = fromMs + request.atMs;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await setTimeout(waitMs);
    const sent = sendOne(agent, to(request), request.body, dueMs, (outcome) => {
      outcomes[request.id] = outcome;
      under.delete(sent);
    });
    under.add(sent);
  }
  const until = performance.now() + DRAIN_MS;
  while (under.size > 0 && performance.now() < until) await setTimeout(POLL_MS);
  agent.destroy();
  return outcomes;
}

function sendOne(
  agent: Agent,
  { host, port }: Address,
  body: Buffer,
  dueMs: number,
  ended: (outcome: Outcome) => void,
): ClientRequest {
  const headers = { "content-type": "application/json", "content-length": body.length };
  const sent = httpRequest({ agent, host, port, method: "POST", path: PATH, headers });
  const fail = (failure: string): void => ended({ ...UNANSWERED, failure });
  sent.on("error", (error) => fail(error.message));
  sent.on("response", (response) => {
    let ttftMs = Number.NaN;
    let last = "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      if (Number.isNaN(ttftMs)) ttftMs = performance.now() - dueMs;
      last = (last + text).slice(-DONE.length * 4);
    });
    response.on("error", (error) => fail(error.message));
    response.on("end", () => {
      const { statusCode } = response;
      if (statusCode === 200 && last.includes(DONE))
        ended({ ttftMs, wholeMs: performance.now() - dueMs, failure: null });
      else fail(statusCode === 200 ? "a stream that ends before its time" : `status ${statusCode}`);
    });
  });
  sent.end(body);
  return sent;
}

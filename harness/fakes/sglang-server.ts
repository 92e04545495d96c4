/**
 * SGLang's way with health, loads, data-parallel ranks and pairs, over the common fake: `node sglang-server.ts PORT`.
 * A request with a bootstrap room is a prefill where the bootstrap port is this server's own, else a decode: each waits
 * for the other.
 */
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type OwnAnswer, isThere, json, serveEngine } from "./engine-server.ts";
import { answeredByState, recorded, state, reply, withMetric } from "./fake-state.ts";

const LOADS = JSON.parse(recorded("sglang-0.5.23-loads.json")) as { loads: Record<string, unknown>[] };
const OLD_LOADS = JSON.parse(recorded("sglang-get_load.json")) as Record<string, unknown>[];
const METRICS = recorded("sglang-0.5.23-metrics.txt");
const ASK_AGAIN_MS = 2;
const WAIT_MS = 5000;

/** Prefills by bootstrap room that wait for their decode. */
const bootstrapRooms = new Map<string, () => void>();

interface Body {
  bootstrap_host?: string;
  bootstrap_port?: number;
  bootstrap_room?: number;
}

const own: OwnAnswer = async (request, body, response) => {
  if (answeredByState(request, body, response)) return true;
  const path = request.url ?? "";
  if (path === "/v1/loads?include=core") {
    const loads = state.ranks.map(({ running, waiting, kvUse }, rank) => ({
      ...LOADS.loads[rank],
      num_running_reqs: running,
      num_waiting_reqs: waiting,
      token_usage: kvUse,
    }));
    reply(response, JSON.stringify({ ...LOADS, loads }));
    return true;
  }
  if (path === "/get_load") {
    const loads = state.ranks.map(({ running, waiting }, rank) => ({
      ...OLD_LOADS[rank],
      num_reqs: running + waiting,
      num_waiting_reqs: waiting,
    }));
    reply(response, JSON.stringify(loads));
    return true;
  }
  if (path === "/metrics") {
    reply(response, metrics());
    return true;
  }
  if (path.startsWith("/fake/room/")) {
    const enter = bootstrapRooms.get(path.slice("/fake/room/".length));
    enter?.();
    response.writeHead(enter === undefined ? 404 : 200).end();
    return true;
  }
  return request.method === "POST" && meet(JSON.parse(body.toString()) as Body, response);
};

const port = await serveEngine(own);

function metrics(): string {
  const withRanks = (name: string, value: (rank: (typeof state.ranks)[number]) => number) => (text: string) =>
    withMetric(text, name, "dp_rank", state.ranks.map(value));
  return [
    withRanks("sglang:num_running_reqs", ({ running }) => running),
    withRanks("sglang:num_queue_reqs", ({ waiting }) => waiting),
    withRanks("sglang:token_usage", ({ kvUse }) => kvUse),
  ].reduce((text, replaceRanks) => replaceRanks(text), METRICS);
}

/** @returns false once the pair has met, for the common answer; true when it was refused */
async function meet(body: Body, response: ServerResponse): Promise<boolean> {
  const { bootstrap_host: host, bootstrap_port: bootstrapPort, bootstrap_room: bootstrapRoom } = body;
  if (bootstrapRoom === undefined) return false;
  const met =
    bootstrapPort === port
      ? await decodeArrived(`${bootstrapRoom}`)
      : await prefillIsThere(`http://${host}:${bootstrapPort}/fake/room/${bootstrapRoom}`);
  if (met) return false;
  json(response, 500, { object: "error", message: "KV transfer failed: nobody came", code: 500 });
  return true;
}

async function decodeArrived(bootstrapRoom: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  bootstrapRooms.set(bootstrapRoom, () => resolve(true));
  const timer = setTimeout(() => resolve(false), WAIT_MS);
  const came = await promise;
  clearTimeout(timer);
  bootstrapRooms.delete(bootstrapRoom);
  return came;
}

async function prefillIsThere(url: string): Promise<boolean> {
  for (let waited = 0; waited < WAIT_MS; waited += ASK_AGAIN_MS) {
    if (await isThere(url)) return true;
    await sleep(ASK_AGAIN_MS);
  }
  return false;
}

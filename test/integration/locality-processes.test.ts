import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DomainServer, startDomainServer } from "../../harness/fakes/domain-server.ts";
import { startRedis } from "../../harness/fakes/redis-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { domainPools, hadBy, localityOf, sendDomains, together } from "../domain-load.ts";
import { patiently } from "../patiently.ts";
import { cliResult, startCliWith } from "../run-cli.ts";

/** A busy machine learns from fewer answers of a round, and needs more rounds. */
const MOST_ROUNDS = 5;

let folder: ScratchFolder;
let servers: DomainServer[];
let experts: string;
beforeEach(async () => {
  folder = await scratchFolder();
  experts = (await smallGroup(folder)).replace(" }", ", routedExperts: 1 }");
  servers = await Promise.all([startDomainServer(SMALL_MODEL, 1), startDomainServer(SMALL_MODEL, 2)]);
});
afterEach(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function serve(settings: string): Promise<{ child: ChildProcessWithoutNullStreams; url: string }> {
  const path = await folder.write("gateway.yaml", `http: { port: 0 }\n${settings}`);
  const child = startCliWith({}, "serve", "--config", path, "--json");
  const early = cliResult(child).then(({ stderr }) => Promise.reject(new Error(stderr)));
  const [line] = (await Promise.race([once(child.stdout, "data"), early])) as [Buffer];
  early.catch(() => {});
  return { child, url: (JSON.parse(line.toString()) as { url: string }).url };
}

/** Sends rounds of requests until that part of each kind went together, or too often. @returns the last round's, and what each server had before */
async function sendUntil(
  most: number,
  round: number,
  send: (begin: number) => Promise<void>,
): Promise<{ readonly part: number; readonly since: number[] }> {
  for (let n = 1; ; n++) {
    const since = hadBy(servers);
    await send((n - 1) * round);
    const part = together(servers, since);
    if (part > most || n === MOST_ROUNDS) return { part, since };
  }
}

async function stop(child: ChildProcessWithoutNullStreams): Promise<void> {
  child.kill("SIGTERM");
  if (child.exitCode === null) await once(child, "exit");
}

describe("workers", () => {
  test("send requests by the same groups, which one process learns, counts for all, and has again after a restart", async () => {
    const settings = `
workers: 2
store: { url: "file://${folder.path("store")}" }
${domainPools(servers, experts, "{ mode: on, loadBand: 0.2 }")}`;
    let learned = 0;
    const first = await serve(settings);
    try {
      await sendDomains(() => first.url, 240);
      // What workers have counted is reported twice a second.
      await expect.poll(async () => (await localityOf(first.url)).choices.sent, patiently).toBe(240);
      const { part, since } = await sendUntil(0.8, 160, (n) => sendDomains(() => first.url, 160, 240 + n));
      expect(part).toBeGreaterThan(0.8);
      const late = hadBy(servers).map((all, i) => all - since[i]);
      expect(Math.max(...late) / 80).toBeLessThan(1.35);
      await expect
        .poll(async () => (await localityOf(first.url)).choices.sent, patiently)
        .toBe(total(hadBy(servers)));
      const { pools, known, choices } = await localityOf(first.url);
      expect(pools.map(({ requests }) => requests.locality)).toEqual(hadBy(servers));
      expect(known.answers.learned + known.answers.ignored).toBeGreaterThan(300);
      expect(choices.byExperts).toBeGreaterThan(150);
      const state = (await (await fetch(`${first.url}/admin/state`)).json()) as {
        workers: { pid: number }[];
      };
      expect(state.workers).toHaveLength(2);
      const groupRequests = async () => (await localityOf(first.url)).known.groupRequests;
      await expect.poll(groupRequests, patiently).toBeGreaterThan(50);
      learned = await groupRequests();
    } finally {
      await stop(first.child);
    }

    const second = await serve(settings);
    try {
      await expect
        .poll(async () => (await localityOf(second.url)).known.groupRequests, patiently)
        .toBeGreaterThanOrEqual(learned);
      await sendDomains(() => second.url, 24, 2000);
      const { part } = await sendUntil(0.8, 80, (n) => sendDomains(() => second.url, 80, 2024 + n));
      expect(part).toBeGreaterThan(0.8);
    } finally {
      await stop(second.child);
    }
  });
});

describe("gateways of one Redis", () => {
  test("that get other kinds of requests send them by the same groups", async () => {
    await using redis = await startRedis();
    const settings = `
store: { url: "${redis.url}" }
${domainPools(servers, experts, "{ mode: on, loadBand: 0.2 }")}`;
    const gateways: RunningGateway[] = [await startGateway(settings), await startGateway(settings)];
    try {
      // Each gets two of the four domains, of which one is a kind with one of the other's.
      const url = (i: number) => gateways[i % 2].url;
      const groups = gateways.map(
        ({ app }) =>
          () =>
            app.localities.find("small")?.groups ?? null,
      );
      for (let sent = 0; groups.some((of) => (of()?.groups.requests ?? 0) < 48); sent += 48)
        await sendDomains(url, 48, sent, (i) => i % 4);
      const alike = () => {
        const [one, two] = groups.map((of) => of()?.groups);
        if (one === undefined || two === undefined) return 1;
        return Math.max(...one.mixes.map((mix, n) => furthest(mix, two.mixes[n])));
      };
      await expect.poll(alike, patiently).toBeLessThan(0.001);
      const { part } = await sendUntil(0.75, 120, (n) => sendDomains(url, 120, 10_000 + n, (i) => i % 4));
      expect(part).toBeGreaterThan(0.75);
      // On a busy machine a pool's leader may lose its lease.
      const faults = gateways.flatMap((gateway) => gateway.faults);
      expect(faults.filter(({ name }) => name !== "LeaseLost")).toEqual([]);
    } finally {
      for (const gateway of gateways) await gateway.stop();
    }
  });
});

function furthest(one: Float32Array, other: Float32Array): number {
  return one.reduce((most, chance, i) => Math.max(most, Math.abs(chance - other[i])), 0);
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DomainServer, domainPrompt, startDomainServer } from "../../harness/fakes/domain-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";

const DOMAINS = 4;
const AT_A_TIME = 24;

let folder: ScratchFolder;
let servers: DomainServer[];
let gateway: RunningGateway;
let experts: string;

beforeEach(async () => {
  folder = await scratchFolder();
  experts = (await smallGroup(folder)).replace(" }", ", routedExperts: 1 }");
  servers = await Promise.all([startDomainServer(SMALL_MODEL, 1), startDomainServer(SMALL_MODEL, 2)]);
});

afterEach(async () => {
  await gateway.stop();
  for (const server of servers) await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function settings(locality: string): string {
  const pools = servers.map(
    ({ url }, i) =>
      `{ name: ${"ab"[i]}, kind: sglang, models: [small], urls: [${url}], experts: ${experts} }`,
  );
  return `
health: { probe: { intervalMs: 60000 } }
models: { small: { locality: ${locality} } }
pools: [${pools.join(", ")}]
`;
}

/** Requests of all domains, so many at a time, each with its own end. */
async function send(count: number, begin = 0): Promise<void> {
  let next = begin;
  const client = async () => {
    for (let i = next++; i < begin + count; i = next++) {
      const response = await fetch(`${gateway.url}/v1/completions`, {
        method: "POST",
        body: JSON.stringify({
          model: "small",
          stream: true,
          max_tokens: 64,
          user: `user ${i}`,
          prompt: domainPrompt((i * 7) % DOMAINS, `question ${i}`),
        }),
      });
      expect(response.status).toBe(200);
      expect(await response.text()).toMatch(/^(?:data: .*word.*\n\n){4}data: \[DONE\]/);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, client));
}

/** Of the last requests of each server, the part that goes where most of its domain goes. */
function together(since: readonly number[]): number {
  const late = servers.map(({ domains }, i) => domains.slice(since[i]));
  let most = 0;
  for (let domain = 0; domain < DOMAINS; domain++)
    most += Math.max(...late.map((domains) => domains.filter((one) => one === domain).length));
  return most / late.flat().length;
}

const soFar = () => servers.map(({ domains }) => domains.length);

describe("requests of a model that several pools serve", () => {
  test("go where their like are, and both pools stay as full", async () => {
    gateway = await startGateway(settings("{ mode: on, loadBand: 0.2 }"));
    await send(300);
    const since = soFar();
    await send(200, 300);
    expect(together(since)).toBeGreaterThan(0.8);
    const late = soFar().map((all, i) => all - since[i]);
    expect(Math.max(...late) / 100).toBeLessThan(1.3);
    expect(soFar().reduce((sum, one) => sum + one, 0)).toBe(500);
    expect(gateway.faults).toEqual([]);
  });
});

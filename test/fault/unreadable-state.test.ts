import { afterAll, beforeAll, expect, test } from "vitest";
import { type RedisServer, startRedis } from "../../harness/fakes/redis-server.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { patiently } from "../patiently.ts";

const GARBAGE = '{"v":1,"garbage';
const VALUES = {
  rollout: "rollout",
  orders: "operator_state",
  leader: "leader",
  report: "pool_report",
  decisions: "decisions",
};

let redis: RedisServer;
let url: string;
let folder: ScratchFolder;
let group: string;
beforeAll(async () => {
  redis = await startRedis();
  url = await deadUrl();
  folder = await scratchFolder();
  group = await smallGroup(folder);
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function gatewayOf(pool: string): Promise<RunningGateway> {
  return startGateway(
    `store: { url: "${redis.url}", prefix: "${pool}", leaseMs: 2000 }\n${chatPool(url).replace(" }]", `, experts: ${group} }]`)}`,
  );
}

async function json(gateway: RunningGateway, path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${gateway.url}${path}`);
  expect([path, response.status < 404 || response.status === 503]).toEqual([path, true]);
  return (await response.json()) as Record<string, unknown>;
}

async function dropped(gateway: RunningGateway, pool: string, kind: string): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const line = new RegExp(`^plimsoll_unreadable_total\\{pool="${pool}",kind="${kind}"\\} (\\d+)$`, "m");
  return Number(line.exec(text)?.[1]);
}

function loopOf({ app }: RunningGateway) {
  const loop = app.pools()[0].controlled?.loop;
  if (loop === undefined) throw new Error("the pool has no control loop");
  return loop;
}

test("garbage of every kind ends nobody: it is dropped, counted and said once, and the leader writes anew what is needed", async () => {
  const gateway = await gatewayOf("all");
  const key = (name: string) => `all:{chat}:${name}`;
  try {
    const loop = loopOf(gateway);
    await expect.poll(() => loop.leading, patiently).toBe(true);
    const { epoch } = loop.snapshot();
    for (let i = 0; i < 3; i++) {
      for (const name of Object.keys(VALUES))
        await redis.client.xadd(key("changes"), "*", "n", name, "v", `${GARBAGE}${i}`);
      await redis.client.xadd(key("changes"), "*", "n", "of a later version", "v", GARBAGE);
      await redis.client.xadd(key("messages"), "*", "m", GARBAGE);
      await redis.client.xadd(key("messages"), "*", "other", "");
      await redis.client.xadd(key("audit"), "*", "e", `${GARBAGE}\u0007`);
      await redis.client.hset("all:shares", `other ${i}`, `${Date.now()}:${GARBAGE}`);
    }
    for (const kind of [...Object.values(VALUES), "message"])
      await expect.poll(() => dropped(gateway, "chat", kind), patiently).toBeGreaterThanOrEqual(3);
    await expect.poll(() => dropped(gateway, "", "gateway_report"), patiently).toBeGreaterThanOrEqual(3);
    // A history is read when it is asked for: then it is what it was.
    const rows = async () => (await json(gateway, "/ep/v1/history/chat"))["rows"] as unknown[];
    await expect.poll(async () => (await rows()).length, patiently).toBeGreaterThan(0);
    const [first] = await rows();
    await expect
      .poll(async () => {
        await redis.client.xadd(key("changes"), "*", "n", "history", "v", GARBAGE);
        const [{ at }] = (await rows()) as [{ at: number }];
        expect(at).toBe((first as { at: number }).at);
        return dropped(gateway, "chat", "history");
      }, patiently)
      .toBeGreaterThanOrEqual(1);
    const { entries } = await json(gateway, "/admin/pools/chat/audit");
    expect(entries).toEqual(
      [1, 2, 3].map(() => ({ atMs: expect.any(Number) as number, unreadable: `${GARBAGE}\\u0007` })),
    );
    expect(await dropped(gateway, "chat", "audit_entry")).toBe(3);

    // What others need to join is put right.
    for (const name of ["orders", "rollout"]) await redis.client.hset(key("values"), name, GARBAGE);
    for (const name of ["orders", "rollout"])
      await redis.client.xadd(key("changes"), "*", "n", name, "v", GARBAGE);
    await redis.client.xadd(key("epochs"), `${epoch + 5}-1`, "s", GARBAGE);
    await expect.poll(() => loop.snapshot().epoch, patiently).toBe(epoch + 6);
    for (const name of ["orders", "rollout"])
      await expect.poll(() => redis.client.hget(key("values"), name), patiently).not.toBe(GARBAGE);

    await loop.order({ kind: "pause" }, "test");
    await expect.poll(() => loop.view.operatorState.paused, patiently).toBe(true);
    await expect.poll(() => loop.leading, patiently).toBe(true);
    const lines = gateway.faults
      .map(({ message }) => message)
      .filter((line) => line.includes("cannot be read"));
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines).toContain(
      "pool chat: operator state in the store cannot be read and is dropped: it is not JSON",
    );
    expect(lines).toContain(
      "gateways: gateway report in the store cannot be read and is dropped: it is not JSON",
    );
  } finally {
    await gateway.stop();
  }
});

test("a leader that finds only garbage begins above it, and one that knew better goes on from what it knew", async () => {
  const gateways = [await gatewayOf("begun"), await gatewayOf("begun")];
  const key = (name: string) => `begun:{chat}:${name}`;
  const spoil = async (epoch: number) => {
    await redis.client.xadd(key("epochs"), `${epoch}-1`, "s", GARBAGE);
    for (const name of [...Object.keys(VALUES), "learned", "changes", "history"])
      await redis.client.hset(key("values"), name, GARBAGE);
  };
  try {
    await expect.poll(() => gateways.some((gateway) => loopOf(gateway).leading), patiently).toBe(true);
    if (loopOf(gateways[1]).leading) gateways.reverse();
    const [one, two] = gateways.map(loopOf);
    await expect.poll(() => one.view.snapshot?.epoch, patiently).toBeGreaterThan(0);
    await expect.poll(() => two.view.snapshot?.epoch, patiently).toBe(one.snapshot().epoch);
    await one.order({ kind: "pause" }, "test");
    await expect.poll(() => two.view.operatorState.paused, patiently).toBe(true);
    await expect.poll(() => redis.client.xlen(key("messages")), patiently).toBe(0);
    const known = two.snapshot().placement;
    await spoil(two.snapshot().epoch + 5);
    await gateways[0].stop();
    await expect.poll(() => two.leading, patiently).toBe(true);
    // It has seen the operator state, and no epoch but the one before the garbage.
    await expect.poll(() => two.view.rollout.issued, patiently).toBeGreaterThan(1_000_000);
    expect(two.view.operatorState.paused).toBe(true);
    expect(two.snapshot().placement).toEqual(known);
    await gateways[1].stop();

    await spoil(5_000_000);
    gateways.push(await gatewayOf("begun"));
    const third = loopOf(gateways[2]);
    await expect.poll(() => third.leading, patiently).toBe(true);
    expect(third.snapshot().epoch).toBeGreaterThan(5_000_000);
    expect(third.view.operatorState.paused).toBe(false);
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  }
});

test("a store that takes no writes is said once, and shown with its reason, until it does", async () => {
  const gateway = await gatewayOf("full");
  try {
    await redis.client.config("SET", "maxmemory", "1");
    const fault = /^takes no writes: OOM command not allowed when used memory > 'maxmemory'\.?$/;
    await expect.poll(async () => (await json(gateway, "/ready"))["storeFault"], patiently).toMatch(fault);
    expect(await json(gateway, "/ready")).toMatchObject({ store: "unreachable" });
    const { store } = (await json(gateway, "/admin/state")) as { store: Record<string, unknown> };
    expect(store).toEqual({
      name: redis.url,
      reachable: false,
      fault: expect.stringMatching(fault) as string,
    });
    await redis.client.config("SET", "maxmemory", "0");
    await expect.poll(async () => (await json(gateway, "/ready"))["storeFault"], patiently).toBeNull();
    const lines = gateway.notices.filter((line) => line.startsWith("store "));
    expect(lines).toEqual([
      expect.stringContaining(`store ${redis.url}: takes no writes: OOM`),
      `store ${redis.url}: works again`,
    ]);
  } finally {
    await redis.client.config("SET", "maxmemory", "0");
    await gateway.stop();
  }
});

import { expect, test, vi } from "vitest";
import { startRedis } from "../../harness/fakes/redis-server.ts";
import { openRedisStore } from "../../harness/open-redis-store.ts";
import { runHere } from "../run-here.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

interface Checked {
  readonly findings: readonly {
    readonly what: string;
    readonly reachable: boolean;
    readonly finding: string;
  }[];
}

/** Nothing listens where its only server should be; it is the store that is looked at. */
const CONFIG = "pools: [{ name: demo, kind: openai, models: [m], urls: ['http://127.0.0.1:9'] }]";

async function check(url: string) {
  await using folder = await scratchFolder();
  const path = await folder.write("gateway.yaml", CONFIG);
  vi.stubEnv("PLIMSOLL_STORE_URL", url);
  try {
    const { findings } = JSON.parse(await runHere("check", "--json", "--config", path)) as Checked;
    const { reachable, finding } = findings.find(({ what }) => what === "store") ?? {};
    return { ok: reachable, finding };
  } finally {
    vi.unstubAllEnvs();
    process.exitCode = 0;
  }
}

test("check asks Redis, and says why it does not answer", async () => {
  await using server = await startRedis({ requirepass: "sesame" });
  const url = `redis://:sesame@127.0.0.1:${server.port}`;
  expect(await check(url)).toEqual({ ok: true, finding: server.url });
  const store = await openRedisStore(url, "plimsoll");
  await store.pool("demo").restore(3, new Uint8Array(1));
  await store.close();
  expect(await check(url)).toEqual({ ok: true, finding: `${server.url}; pool demo is at epoch 3` });
  const wrong = await check(`redis://:wrong@127.0.0.1:${server.port}`);
  expect(wrong.ok).toBe(false);
  expect(wrong.finding).toMatch(`${server.url}: Redis does not answer: WRONGPASS`);
  await server.kill();
  const gone = `${server.url}: Redis does not answer: connect ECONNREFUSED 127.0.0.1:${server.port}`;
  expect(await check(url)).toEqual({ ok: false, finding: gone });
});

test("check reads a store's file and leaves it alone", async () => {
  await using folder = await scratchFolder();
  const url = `file://${folder.path("store")}`;
  expect(await check(url)).toEqual({ ok: true, finding: url });
  expect(await folder.names()).toEqual([]);
  await folder.write("store", "something else");
  await expect(check(url)).rejects.toThrow("is not a store's file of this version");
});

test("a store that is none is refused by the name of the variable", async () => {
  await expect(check("redis://h:secret")).rejects.toThrow("PLIMSOLL_STORE_URL: store.url names no store");
});

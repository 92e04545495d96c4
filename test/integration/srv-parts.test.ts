import { expect, test } from "vitest";
import { serverAt } from "../../harness/fakes/server-at.ts";
import { readConfig } from "../../harness/fakes/start-gateway.ts";
import { compose } from "../../src/compose.ts";
import { FoundServers } from "../../src/discovery/found-servers.ts";
import { patiently } from "../patiently.ts";

const SETTINGS = `
health: { probe: { intervalMs: 50 }, slowStart: { durationMs: 0 } }
pools: [{ name: chat, kind: openai, policy: round-robin, models: [small], discover: { dns: { srv: _http._tcp.engines } } }]
`;

interface State {
  readonly pools: readonly {
    readonly shards: readonly { readonly id: string; readonly health: { weight: number; tier: number } }[];
  }[];
}

test("servers get parts by the weights of their SRV records, and those of a later priority what these cannot take", async () => {
  const one = await serverAt("127.0.0.1", 0);
  const two = await serverAt("127.0.0.1", 0);
  await using backup = await serverAt("127.0.0.1", 0);
  const record = { name: "127.0.0.1", priority: 10 };
  const found = new FoundServers(
    async () => [
      { ...record, port: one.port, weight: 30 },
      { ...record, port: two.port, weight: 10 },
      { ...record, port: backup.port, priority: 20, weight: 90 },
    ],
    () => {},
  );
  const written = await readConfig(SETTINGS);
  const config = await found.expand(written);
  const [line] = found.found(written);
  expect(line.line).toContain(`http://127.0.0.1:${backup.port} as a backup`);
  const app = await compose(config, {
    routing: null,
    recordTokens: 0,
    onFault: () => {},
    onNotice: () => {},
  });
  const { url } = await app.start();
  const send = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const body = '{"model":"small","prompt":"hi"}';
      expect((await fetch(`${url}/v1/completions`, { method: "POST", body })).status).toBe(200);
    }
  };
  const asked = ({ seen }: typeof one) => seen.filter(({ method }) => method === "POST").length;
  try {
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, patiently).toBe(200);
    await send(24);
    expect([one, two, backup].map(asked)).toEqual([18, 6, 0]);
    const { pools } = (await (await fetch(`${url}/admin/state`)).json()) as State;
    const health = new Map(pools[0].shards.map(({ id, health: own }) => [id, own]));
    const of = ({ port }: typeof one) => health.get(`chat/http://127.0.0.1:${port}`);
    // It has started; that it gets a third is its part.
    expect([one, two, backup].map(of)).toMatchObject([
      { weight: 1, tier: 0 },
      { weight: 1, tier: 0 },
      { weight: 1, tier: 1 },
    ]);
    await one[Symbol.asyncDispose]();
    await send(4);
    expect([asked(two), asked(backup)]).toEqual([10, 0]);
    await two[Symbol.asyncDispose]();
    await send(4);
    expect(asked(backup)).toBe(4);
    await using back = await serverAt("127.0.0.1", two.port);
    const isBack = async () => {
      await send(1);
      return asked(back);
    };
    await expect.poll(isBack, patiently).toBe(1);
    const before = asked(backup);
    await send(4);
    expect([asked(back), asked(backup)]).toEqual([5, before]);
  } finally {
    await app.stop();
    await found.keep(null);
  }
});

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { rename } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeServer, deadUrl, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";
import { type CliResult, cliResult, startCli } from "../run-cli.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";

let fakes: FakeServer[];
beforeAll(async () => {
  fakes = await Promise.all([startOpenAiServer(), startOpenAiServer()]);
});
afterAll(() => Promise.all(fakes.map((fake) => fake.kill())));

const poolAt = (url: string) => `{ name: chat, kind: openai, models: [small], urls: [${url}] }`;

// One gateway, in a process of its own, goes through all that SIGHUP may bring, and then stops well.
describe.each([1, 2])("with %i workers", (workers) => {
  let folder: ScratchFolder;
  let child: ChildProcessWithoutNullStreams;
  let over: Promise<CliResult>;
  let url: string;
  let withExperts: string;
  let said = "";

  beforeAll(async () => {
    folder = await scratchFolder();
    withExperts = `{ name: chat, kind: openai, models: [small], urls: [${fakes[0].url}], experts: ${await smallGroup(folder)} }`;
    child = startCli("serve", "--config", await configure(poolAt(fakes[0].url)), "--json");
    over = cliResult(child);
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    ({ url } = JSON.parse(line.toString()) as { url: string });
  });
  afterAll(async () => {
    child.kill("SIGKILL");
    await over;
    await folder[Symbol.asyncDispose]();
  });

  /** Writes the configuration in one step: a gateway that reloads meanwhile reads all of it. @returns its path */
  async function configure(pools: string, settings = ""): Promise<string> {
    const path = folder.path("gateway.yaml");
    const text = `workers: ${workers}
http: { port: 0, graceMs: 5000 }
health: { probe: { intervalMs: 200 } }
pools: [${pools}]
${settings}`;
    await rename(await folder.write("next.yaml", text), path);
    return path;
  }

  test("SIGHUP reloads the configuration, a bad one changes nothing", async () => {
    const ask = (tokens: number) =>
      fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify({ model: "small", stream: true, max_tokens: tokens }),
        headers: { connection: "close" },
      });
    const statuses = new Set<number>();
    const shardOf = async () => {
      const response = await ask(1);
      statuses.add(response.status);
      await response.text();
      return response.headers.get("x-plimsoll-shard");
    };

    const before = await ask(500);
    expect(before.headers.get("x-plimsoll-shard")).toBe(`chat/${fakes[0].url}`);
    await configure(poolAt(fakes[1].url));
    child.kill("SIGHUP");
    await expect
      .poll(async () => [await shardOf(), await shardOf()], patiently)
      .toEqual([`chat/${fakes[1].url}`, `chat/${fakes[1].url}`]);
    expect(await before.text()).toMatch(/data: \[DONE\]\n\n$/);

    const port = Number(new URL(await deadUrl()).port);
    await configure(poolAt(`http://127.0.0.1:${port}`));
    child.kill("SIGHUP");
    // Its first probe has failed by then.
    for (let i = 0; i < 10; i++) {
      expect(await shardOf()).toBe(`chat/${fakes[1].url}`);
      await sleep(50);
    }
    const late = await startOpenAiServer(port);
    await expect
      .poll(async () => [await shardOf(), await shardOf()], patiently)
      .toEqual([`chat/${late.url}`, `chat/${late.url}`]);
    expect([...statuses]).toEqual([200]);

    await configure("");
    child.kill("SIGHUP");
    await expect
      .poll(() => said, patiently)
      .toMatch(/the configuration stays as it was: .*gateway\.yaml:4:1: pools/);
    expect(await shardOf()).toBe(`chat/${late.url}`);
    await late.kill();
  });

  test("of many SIGHUPs the last configuration stays, one gateway leads and epochs reach every process", async () => {
    const control = async () => {
      const { pools } = (await (await fetch(`${url}/admin/state`)).json()) as {
        pools: { epoch: number; control: { leading: boolean } }[];
      };
      return pools[0];
    };
    const ask = async () => {
      const response = await fetch(`${url}/v1/completions`, {
        method: "POST",
        body: JSON.stringify({ model: "small", max_tokens: 1 }),
        headers: { connection: "close" },
      });
      await response.text();
      return [response.status, Number(response.headers.get("x-plimsoll-epoch"))] as const;
    };
    said = "";
    await configure(withExperts);
    child.kill("SIGHUP");
    const everywhere = () => Promise.all(Array.from({ length: 4 * workers }, ask));
    await expect
      .poll(
        async () => (await everywhere()).every(([status, epoch]) => status === 200 && epoch > 0),
        patiently,
      )
      .toBe(true);
    let { epoch } = await control();
    for (let i = 0; i < 12; i++) {
      await configure(
        withExperts,
        `control: { sharesMs: ${100 + i} }\nadmission: { total: { maxInFlight: ${i + 1} } }`,
      );
      child.kill("SIGHUP");
      const [status] = await ask();
      expect(status).toBe(200);
      const now = await control();
      expect(now.epoch).toBeGreaterThanOrEqual(epoch);
      ({ epoch } = now);
    }
    const limit = async () =>
      ((await (await fetch(`${url}/admin/state`)).json()) as { admission: { limit: number } }).admission
        .limit;
    await expect.poll(limit, patiently).toBe(12);
    await expect.poll(async () => (await control()).control.leading, patiently).toBe(true);
    await configure(`{ name: other, kind: openai, models: [small], urls: [${fakes[1].url}] }`);
    child.kill("SIGHUP");
    await expect.poll(ask, patiently).toEqual([200, 0]);
    await configure(withExperts);
    child.kill("SIGHUP");
    // Each process has a new pool, which must get the epoch although that had been sent before.
    await expect
      .poll(
        async () => (await everywhere()).every(([status, had]) => status === 200 && had >= epoch),
        patiently,
      )
      .toBe(true);
    expect(said).not.toMatch(/stays as it was|cannot|lease/);
  });

  test("a SIGHUP while it stops ends nothing", async () => {
    const stream = await fetch(`${url}/v1/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "small", stream: true, max_tokens: 300 }),
    });
    await configure(withExperts, "control: { sharesMs: 20 }");
    child.kill("SIGHUP");
    child.kill("SIGTERM");
    await expect.poll(() => said, patiently).toMatch(/stopping: what is in flight/);
    child.kill("SIGHUP");
    child.kill("SIGHUP");
    expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
    expect((await over).code).toBe(0);
  });
});

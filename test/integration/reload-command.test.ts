import { once } from "node:events";
import { rename } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeServer, deadUrl, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";
import { cliResult, startCli } from "../run-cli.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";

let fakes: FakeServer[];
beforeAll(async () => {
  fakes = await Promise.all([startOpenAiServer(), startOpenAiServer()]);
});
afterAll(() => Promise.all(fakes.map((fake) => fake.kill())));

test.each([1, 2])(
  "SIGHUP reloads the configuration, a bad one changes nothing (workers: %i)",
  async (workers) => {
    await using folder = await scratchFolder();
    const written = (pools: string) =>
      configure(
        folder,
        `workers: ${workers}\nhttp: { port: 0 }\nhealth: { probe: { intervalMs: 200 } }\npools: ${pools}`,
      );
    const pool = (url: string) => `[{ name: chat, kind: openai, models: [small], urls: [${url}] }]`;
    const path = await written(pool(fakes[0].url));
    const child = startCli("serve", "--config", path, "--json");
    const over = cliResult(child);
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
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
    await written(pool(fakes[1].url));
    child.kill("SIGHUP");
    await expect
      .poll(async () => [await shardOf(), await shardOf()], patiently)
      .toEqual([`chat/${fakes[1].url}`, `chat/${fakes[1].url}`]);
    expect(await before.text()).toMatch(/data: \[DONE\]\n\n$/);

    const port = Number(new URL(await deadUrl()).port);
    await written(pool(`http://127.0.0.1:${port}`));
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

    await written("[]");
    child.kill("SIGHUP");
    await expect
      .poll(() => said, patiently)
      .toMatch(/the configuration stays as it was: .*gateway\.yaml:4:1: pools/);
    expect(await shardOf()).toBe(`chat/${late.url}`);
    child.kill("SIGTERM");
    expect((await over).code).toBe(0);
    await late.kill();
  },
);

/** Writes the configuration in one step: a gateway that reloads meanwhile reads all of it. @returns its path */
async function configure(folder: ScratchFolder, text: string): Promise<string> {
  const path = folder.path("gateway.yaml");
  await rename(await folder.write("next.yaml", text), path);
  return path;
}

/** A gateway in a process of its own, of the pool `chat` with the small model's experts, on an engine. */
async function serveWithExperts(folder: ScratchFolder, workers: number) {
  const group = await smallGroup(folder);
  const chat = `{ name: chat, kind: openai, models: [small], urls: [${fakes[0].url}], experts: ${group} }`;
  const write = (settings: string, pool = chat) =>
    configure(
      folder,
      `workers: ${workers}
http: { port: 0, graceMs: 5000 }
health: { probe: { intervalMs: 200 } }
${settings}
pools: [${pool}]`,
    );
  const child = startCli("serve", "--config", await write(""), "--json");
  const over = cliResult(child);
  const said = { text: "" };
  child.stderr.on("data", (chunk: Buffer) => (said.text += chunk.toString()));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  return { child, over, said, url, write };
}

test.each([1, 2])(
  "of many SIGHUPs the last configuration stays, one gateway leads and epochs reach every process (workers: %i)",
  async (workers) => {
    await using folder = await scratchFolder();
    const { child, over, said, url, write } = await serveWithExperts(folder, workers);
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
    await expect.poll(async () => (await ask())[1], patiently).toBeGreaterThan(0);
    let { epoch } = await control();
    for (let i = 0; i < 12; i++) {
      await write(`control: { sharesMs: ${100 + i} }\nadmission: { total: { maxInFlight: ${i + 1} } }`);
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
    await write("", `{ name: other, kind: openai, models: [small], urls: [${fakes[1].url}] }`);
    child.kill("SIGHUP");
    await expect.poll(ask, patiently).toEqual([200, 0]);
    await write("");
    child.kill("SIGHUP");
    // Each process has a new pool, which must get the epoch although that had been sent before.
    await expect
      .poll(async () => {
        const asked = await Promise.all(Array.from({ length: 4 * workers }, ask));
        return asked.every(([status, had]) => status === 200 && had >= epoch);
      }, patiently)
      .toBe(true);
    expect(said.text).not.toMatch(/stays as it was|cannot|lease/);
    child.kill("SIGTERM");
    expect((await over).code).toBe(0);
  },
);

test.each([1, 2])("a SIGHUP while it stops ends nothing (workers: %i)", async (workers) => {
  await using folder = await scratchFolder();
  const { child, over, url, said, write } = await serveWithExperts(folder, workers);
  const stream = await fetch(`${url}/v1/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "small", stream: true, max_tokens: 300 }),
  });
  await write("control: { sharesMs: 20 }");
  child.kill("SIGHUP");
  child.kill("SIGTERM");
  await expect.poll(() => said.text, patiently).toMatch(/stopping: what is in flight/);
  child.kill("SIGHUP");
  child.kill("SIGHUP");
  expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
  expect((await over).code).toBe(0);
});

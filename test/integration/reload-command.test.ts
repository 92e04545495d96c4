import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeServer, deadUrl, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";
import { cliResult, startCli } from "../run-cli.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

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
      folder.write(
        "gateway.yaml",
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

import { afterEach, expect, test } from "vitest";
import { type RoutedServer, routedAnswer, startRoutedServer } from "../../harness/fakes/routed-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { patiently } from "../patiently.ts";

let server: RoutedServer;
let gateway: RunningGateway;

async function start(experts: string, answer: string): Promise<void> {
  server = await startRoutedServer(answer);
  gateway = await startGateway(`
control: { sharesMs: 50, placementMs: 100, stagingBytes: 1000000000000 }
pools:
  - name: chat
    kind: sglang
    models: [small]
    urls: [${server.url}]
    experts: ${experts}
`);
}

afterEach(async () => {
  await gateway.stop();
  await server[Symbol.asyncDispose]();
});

async function complete(fields: object): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "small", prompt: "hi", ...fields }),
  });
  expect(response.status).toBe(200);
  return response.text();
}

test("answers report which experts are hot, clients do not see them, and the pool is balanced by them", async () => {
  await using folder = await scratchFolder();
  const answer = routedAnswer(SMALL_MODEL);
  await start((await smallGroup(folder)).replace(" }", ", routedExperts: 1 }"), answer);
  const balanced = async () => {
    expect(await complete({})).toBe('{"choices":[{"text":"hi"}],"sglext":{}}');
    const placement = await fetch(`${gateway.url}/ep/v1/placement/chat`);
    return ((await placement.json()) as { state: string }).state;
  };
  await expect.poll(balanced, patiently).toBe("pending");
  expect(await complete({ return_routed_experts: true })).toContain(answer);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/plimsoll_routed_experts_total\{pool="chat",verdict="read"\} [1-9]/);
});

test.each([
  ["llama-4-maverick", "4x8x5"],
  ["nemotron-3-nano-30b-a3b", "1x4x36"],
])(
  "layers of %s that route here and there are counted each as its own, and reported by number",
  async (name, topology) => {
    const model = await loadModel(name);
    await start(`{ model: ${name}, topology: ${topology}, routedExperts: 1 }`, routedAnswer(model));
    const [pool] = gateway.app.pools();
    const hottest = async () => {
      await complete({});
      const report = pool.controlled?.loop.view.report;
      return report?.expertLoad.map((row) => row.indexOf(Math.max(...row)));
    };
    await expect.poll(hottest, patiently).toEqual(model.moeLayers);
    expect(pool.controlled?.loop.view.report?.layerNumbers).toEqual(model.moeLayers);
  },
);

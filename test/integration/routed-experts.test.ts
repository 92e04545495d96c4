import { afterEach, beforeEach, expect, test } from "vitest";
import { ROUTED_EXPERTS, type RoutedServer, startRoutedServer } from "../../harness/fakes/routed-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

let server: RoutedServer;
let gateway: RunningGateway;
beforeEach(async () => {
  server = await startRoutedServer();
  gateway = await startGateway(`
control: { sharesMs: 50, placementMs: 100, stagingBytes: 1000000000000 }
pools:
  - name: chat
    kind: sglang
    models: [small]
    urls: [${server.url}]
    experts: { model: deepseek-v3, topology: ep32, routedExperts: 1 }
`);
});
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
  const balanced = async () => {
    expect(await complete({})).toBe('{"choices":[{"text":"hi"}],"sglext":{}}');
    const placement = await fetch(`${gateway.url}/ep/v1/placement/chat`);
    return ((await placement.json()) as { state: string }).state;
  };
  await expect.poll(balanced, patiently).toBe("pending");
  expect(await complete({ return_routed_experts: true })).toContain(ROUTED_EXPERTS);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/plimsoll_routed_experts_total\{pool="chat",verdict="read"\} [1-9]/);
});

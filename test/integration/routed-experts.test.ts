import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

/** DeepSeek-V3: 58 MoE layers after 3 dense ones, top-8; of the tokens here every choice is the same 8 experts. */
const TOKEN_IDS = 61 * 8;
const TOKENS = 200;
const ids = Int32Array.from({ length: TOKENS * TOKEN_IDS }, (_, i) => i % 8);
const BASE64 = Buffer.from(ids.buffer).toString("base64");

let server: Server;
let gateway: RunningGateway;
beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.method === "GET") return void response.end('{"object":"list","data":[{"id":"small"}]}');
    const asked: Buffer[] = [];
    request.on("data", (chunk: Buffer) => asked.push(chunk));
    request.on("end", () => {
      const wants = Buffer.concat(asked).includes("return_routed_experts");
      const text = `{"choices":[{"text":"hi"}],"sglext":{"routed_experts":${wants ? `"${BASE64}"` : null}}}`;
      response
        .setHeader("content-type", "application/json")
        .setHeader("content-length", text.length)
        .end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  gateway = await startGateway(`
control: { sharesMs: 50, placementMs: 100, stagingBytes: 1000000000000 }
pools:
  - name: chat
    kind: sglang
    models: [small]
    urls: [http://127.0.0.1:${(server.address() as AddressInfo).port}]
    experts: { model: deepseek-v3, topology: ep32, routedExperts: 1 }
`);
});
afterEach(async () => {
  await gateway.stop();
  server.close();
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

test("answers tell which experts are hot, clients see nothing of it, and the pool is balanced by it", async () => {
  const balanced = async () => {
    expect(await complete({})).toBe('{"choices":[{"text":"hi"}],"sglext":{}}');
    const placement = await fetch(`${gateway.url}/ep/v1/placement/chat`);
    return ((await placement.json()) as { state: string }).state;
  };
  await expect.poll(balanced, patiently).toBe("pending");
  expect(await complete({ return_routed_experts: true })).toContain(BASE64);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/plimsoll_routed_experts_total\{pool="chat",verdict="read"\} [1-9]/);
});

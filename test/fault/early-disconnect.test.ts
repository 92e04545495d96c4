import { once } from "node:events";
import { expect, test } from "vitest";
import { cliResult, startCli } from "../run-cli.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

/** A client that leaves before its stream's first frame is no fault of the gateway's. */
test("streams that are given up at once leave nothing in the log", async () => {
  await using folder = await scratchFolder();
  const pool = "{ name: demo, kind: simulated, model: deepseek-v3, topology: ep32, seed: 1 }";
  const settings = `http: { port: 0, logLevel: warn }\npools: [${pool}]`;
  const config = await folder.write("gateway.yaml", settings);
  const gateway = startCli("serve", "--config", config, "--json");
  const result = cliResult(gateway);
  const [line] = (await once(gateway.stdout, "data")) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  const messages = [{ role: "user", content: "word ".repeat(2000) }];
  const body = JSON.stringify({ model: "deepseek-v3", messages, max_tokens: 400, stream: true });
  const headers = { "content-type": "application/json" };
  for (let waitMs = 0; waitMs < 40; waitMs++) {
    const signal = AbortSignal.timeout(waitMs);
    await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body, signal })
      .then((response) => response.text())
      .catch(() => {});
  }
  gateway.kill("SIGTERM");
  const { code, stderr } = await result;
  expect(code).toBe(0);
  expect(stderr).not.toContain('"level":50');
});

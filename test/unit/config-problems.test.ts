import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { InputError } from "../../src/lib/errors.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const POOL = "pools:\n  - name: chat\n    kind: openai\n    models: [m]\n    urls: [http://10.0.0.1:8000]\n";

/** A line for each problem, without the folder. */
async function problems(text: string, environment: Record<string, string> = {}): Promise<string[]> {
  const path = await folder.write("gateway.yaml", text);
  try {
    await loadConfig(path, environment);
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return [error.message, ...error.others].map((line) => line.replace(`${folder.path("")}/`, ""));
  }
}

/** What validators say for themselves. */
const RAW = /Invalid|Too (?:small|big)|Unrecognized|received|safeint|undefined|Implicit|at line/;

test.each([
  // A name that is near, its form, or its level.
  [`http: { prot: 1 }\n${POOL}`, "gateway.yaml:1:9: http has no setting `prot`; did you mean `port`?"],
  [
    `http: { max-connections: 1 }\n${POOL}`,
    "gateway.yaml:1:9: http has no setting `max-connections`; did you mean `maxConnections`?",
  ],
  [`port: 8080\n${POOL}`, "gateway.yaml:1:1: has no setting `port`; did you mean `http.port`?"],
  [
    `bodyLimitbytes: 1\n${POOL}`,
    "gateway.yaml:1:1: has no setting `bodyLimitbytes`; did you mean `http.bodyLimitBytes`?",
  ],
  [`${POOL}    url: http://x\n`, "gateway.yaml:6:5: pools[0] has no setting `url`; did you mean `urls`?"],
  [
    `${POOL}    dataParallelSize: 2\n`,
    "gateway.yaml:6:5: pools[0] has no setting `dataParallelSize`; it is for another kind; remove it",
  ],
  [
    `${POOL}    xyzzy: 2\n`,
    "gateway.yaml:6:5: pools[0] has no setting `xyzzy`; remove it or correct its name",
  ],
  ["urls: [http://x]\n", "gateway.yaml:1:1: has no setting `urls`; did you mean `pools[0].urls`?"],
  [
    `routing: { policy: least_load }\n${POOL}`,
    /^gateway\.yaml:1:12: routing\.policy is "least_load"; expected .*; did you mean `least-load`\?$/,
  ],
  [
    POOL.replace("openai", "opnai"),
    /^gateway\.yaml:3:5: pools\[0\]\.kind is "opnai"; expected .* or sglang; did you mean `openai`\?$/,
  ],
  // What is of another type.
  [
    "pools:\n  chat:\n    kind: openai\n",
    'gateway.yaml:1:1: pools is a mapping; expected a list: begin each of its items with "- ", as in `- name: …`',
  ],
  [
    POOL.replace("[m]", "m"),
    'gateway.yaml:4:5: pools[0].models is "m"; expected a list: write it in brackets, as in [a, b]',
  ],
  [POOL.replace("[m]", "[]"), "gateway.yaml:4:5: pools[0].models is an empty list; expected at least 1 item"],
  [POOL.replace("[m]", ""), "gateway.yaml:4:5: pools[0].models is empty; expected a list"],
  [POOL.replace("[m]", "[7]"), "gateway.yaml:4:14: pools[0].models[0] is 7; expected text"],
  [
    `http: []\n${POOL}`,
    "gateway.yaml:1:1: http is an empty list; expected a mapping of settings, `name: value` each",
  ],
  [`http: { port: 1.5 }\n${POOL}`, "gateway.yaml:1:9: http.port is 1.5; expected a whole number"],
  [`http: { port: 99999 }\n${POOL}`, "gateway.yaml:1:9: http.port is 99999; expected at most 65535"],
  [
    `upstream: { tls: { insecureSkipVerify: yes } }\n${POOL}`,
    'gateway.yaml:1:20: upstream.tls.insecureSkipVerify is "yes"; expected true or false',
  ],
  [`retry: { ratio: -1 }\n${POOL}`, "gateway.yaml:1:10: retry.ratio is -1; expected at least 0"],
  [
    `health: { slowStart: { floor: 0 } }\n${POOL}`,
    "gateway.yaml:1:24: health.slowStart.floor is 0; expected more than 0",
  ],
  [`http: { host: "" }\n${POOL}`, 'gateway.yaml:1:9: http.host is ""; expected some text'],
  // What is missing, or there in vain.
  ["http: { port: 1 }\n", /^gateway\.yaml:1:1: pools is missing; expected the pools to serve, as in /],
  ["", /^gateway\.yaml:1:1: pools is missing; expected the pools to serve, as in /],
  [
    POOL.replace("    kind: openai\n", ""),
    "gateway.yaml:2:5: pools[0].kind is missing; expected simulated, openai, trtllm, vllm or sglang",
  ],
  [
    POOL.replace("8000]", "8000/?key=1]"),
    "gateway.yaml:5:12: pools[0].urls[0] has a `?` or `#`; expected a URL that ends before it",
  ],
  // What is found after the shape is right.
  [
    `${POOL}${POOL.replace("pools:\n", "")}`,
    'gateway.yaml:6:5: pools[1].name is "chat" again; expected a name of its own',
  ],
  [
    `retry: { baseMs: 2000 }\n${POOL}`,
    "gateway.yaml:1:10: retry.baseMs is 2000; expected at most `retry.maxMs`, which is 1000",
  ],
  // What is no YAML.
  [`http:\n\tport: 1\n`, /^gateway\.yaml:2:1: is not valid YAML: .* a tab .*; indent with blanks$/],
  [
    `http: { port: 1 }\nhttp: { port: 2 }\n`,
    /^gateway\.yaml:2:1: is not valid YAML: .* is there already; leave one of them$/,
  ],
  [`http: { port: 1\n`, /^gateway\.yaml:2:1: is not valid YAML/],
  [`http: [1\nb: *c\n`, /^gateway\.yaml:\d:\d: is not valid YAML/],
  [`a: 'b\n`, /^gateway\.yaml:\d:\d: is not valid YAML/],
  [`a: 1\n---\nb: 1\n`, /^gateway\.yaml:\d:\d: is not valid YAML: .* second document/],
])("%j is answered with its line, what is there and what is expected", async (text, message) => {
  const [first, ...others] = await problems(text);
  if (typeof message === "string") expect(first).toBe(message);
  else expect(first).toMatch(message);
  for (const line of [first, ...others]) {
    expect(line).not.toMatch(RAW);
    expect(line).not.toContain("\n");
  }
});

test("ten problems are told at once, the first as the message", async () => {
  const lines = await problems(`http: { ${Array.from({ length: 20 }, (_, i) => `x${i}x: 1`).join(", ")} }\n`);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe("gateway.yaml:1:9: http has no setting `x0x`; remove it or correct its name");
});

test("what comes from a variable is told by its name, true and false too", async () => {
  const environment = { PLIMSOLL_UPSTREAM_TLS_INSECURE_SKIP_VERIFY: "maybe" };
  expect(await problems(POOL, environment)).toEqual([
    'PLIMSOLL_UPSTREAM_TLS_INSECURE_SKIP_VERIFY: upstream.tls.insecureSkipVerify is "maybe"; expected true or false',
  ]);
  expect(await problems(POOL, { PLIMSOLL_UPSTREAM_TLS_INSECURE_SKIP_VERIFY: "true" })).toEqual([]);
});

describe("notes", () => {
  async function notes(text: string, environment: Record<string, string>): Promise<readonly string[]> {
    return (await loadConfig(await folder.write("gateway.yaml", text), environment)).notes;
  }

  test("variables that are no settings are named, with the nearest, and their values are not", async () => {
    const environment = {
      PLIMSOLL_HTTP_PROT: "s3cret",
      PLIMSOLL_PORT: "8080",
      PLIMSOLL_XYZZY: "1",
      PLIMSOLL_ENGINE_KEY: "named by the pool",
      PLIMSOLL_OPERATOR_SOCKET: "/x",
      PLIMSOLL_HTTP_LOG_LEVEL: "warn",
      OTHER: "1",
    };
    expect(await notes(`${POOL}    apiKeyEnv: PLIMSOLL_ENGINE_KEY\n`, environment)).toEqual([
      "PLIMSOLL_HTTP_PROT: is no setting and changes nothing; did you mean PLIMSOLL_HTTP_PORT?",
      "PLIMSOLL_PORT: is no setting and changes nothing; did you mean PLIMSOLL_HTTP_PORT?",
      "PLIMSOLL_XYZZY: is no setting and changes nothing; remove it or correct its name",
    ]);
  });

  test("what Kubernetes sets for a service of that name is left alone", async () => {
    const environment = {
      PLIMSOLL_SERVICE_HOST: "10.0.0.1",
      PLIMSOLL_SERVICE_PORT: "80",
      PLIMSOLL_SERVICE_PORT_HTTP: "80",
      PLIMSOLL_PORT: "tcp://10.0.0.1:80",
      PLIMSOLL_PORT_80_TCP: "tcp://10.0.0.1:80",
      PLIMSOLL_PORT_80_TCP_ADDR: "10.0.0.1",
      PLIMSOLL_GATEWAY_PORT: "tcp://10.0.0.1:80",
    };
    expect(await notes(POOL, environment)).toEqual([]);
  });

  test.each(["/v1", "/v1/", "//v1//"])("a URL's %s is left out, and that is said", async (suffix) => {
    const path = await folder.write("gateway.yaml", POOL.replace("8000]", `8000/proxy/abc${suffix}]`));
    const config = await loadConfig(path);
    expect(config.pools[0]).toMatchObject({ servers: { urls: ["http://10.0.0.1:8000/proxy/abc"] } });
    expect(config.notes).toEqual([
      `${path}:5:12: pools[0].urls[0] is taken without the /v1 at its end, which requests bring themselves: http://10.0.0.1:8000/proxy/abc`,
    ]);
  });
});

import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { KubernetesDiscovery } from "../../src/config/discover-config.ts";
import { KubernetesSource } from "../../src/discovery/kubernetes/kubernetes-source.ts";
import { Rng } from "../../src/lib/rng.ts";
import { KubernetesApi, type WrittenSlice } from "../../harness/fakes/kubernetes-api.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { patiently } from "../patiently.ts";

const LABELS = { "kubernetes.io/service-name": "engines" };

let api: KubernetesApi;
let source: KubernetesSource | null;
let notices: string[];
let changes: number;

beforeEach(async () => {
  api = await KubernetesApi.start();
  [source, notices, changes] = [null, [], 0];
});
afterEach(async () => {
  await source?.stop();
  await api[Symbol.asyncDispose]();
});

async function start(terms: Partial<KubernetesDiscovery> = {}): Promise<void> {
  source = new KubernetesSource(
    {
      kind: "kubernetes",
      server: api.url,
      tokenFile: null,
      caFile: null,
      namespace: "default",
      selector: "kubernetes.io/service-name=engines",
      port: null,
      scheme: "http",
      path: "",
      ...terms,
    },
    new Rng(1),
    { changed: () => changes++, notice: (line) => notices.push(line) },
  );
  await source.start();
}

function slice(...of: readonly string[]): WrittenSlice {
  return {
    labels: LABELS,
    ports: [{ name: "http", port: 8000, protocol: "TCP" }],
    endpoints: of.map((pod) => ({
      addresses: [`10.0.0.${pod.charCodeAt(0)}`],
      conditions: { ready: true },
      targetRef: { kind: "Pod", name: pod, uid: `uid-${pod}` },
    })),
  };
}

function pods(): string | null {
  const names = source?.state.endpoints?.map(({ name }) => name?.name ?? "?") ?? null;
  return names === null ? null : names.toSorted().join("");
}

async function watched(expected: string): Promise<void> {
  await expect.poll(pods, patiently).toBe(expected);
}

async function watching(): Promise<void> {
  await expect.poll(() => api.watching, patiently).toBe(1);
}

test("lists, then sees what is added, changed and deleted, of its Service alone", async () => {
  api.put("engines-1", slice("a", "b"));
  api.put("others", { ...slice("x"), labels: { "kubernetes.io/service-name": "others" } });
  await start();
  expect(pods()).toBe("ab");
  await watching();
  api.put("engines-2", slice("b", "c"));
  await watched("abc");
  api.put("engines-1", slice("b"));
  await watched("bc");
  api.put("others", { ...slice("y"), labels: { "kubernetes.io/service-name": "others" } });
  api.delete("engines-2");
  await watched("b");
  api.delete("engines-1");
  await watched("");
  expect([api.asks("list").length, notices]).toEqual([1, []]);
});

test("a watch that breaks, or whose time is up, goes on from the last version, with nothing lost", async () => {
  api.put("s", slice("a"));
  await start();
  await watching();
  const began = api.asks("watch")[0].query;
  expect([began.get("allowWatchBookmarks"), began.get("timeoutSeconds")]).toEqual(["true", "60"]);
  api.cut();
  api.put("s", slice("a", "b"));
  await watched("ab");
  await watching();
  api.timeOut();
  api.put("s", slice("b"));
  await watched("b");
  expect(api.asks("list")).toHaveLength(1);
  const versions = api.asks("watch").map(({ query }) => Number(query.get("resourceVersion")));
  expect(versions).toEqual(versions.toSorted((a, b) => a - b));
});

test("a bookmark spares the list where everything before it is forgotten", async () => {
  api.put("s", slice("a"));
  await start();
  await watching();
  api.bookmark();
  api.put("t", slice("b"));
  await watched("ab");
  api.bookmark();
  api.compact();
  await expect.poll(() => api.watching, patiently).toBe(1);
  // It has read the bookmark once it has read what follows it.
  api.put("s", slice("a", "c"));
  await watched("abc");
  api.timeOut();
  api.put("t", slice());
  await watched("ac");
  expect(api.asks("list")).toHaveLength(1);
});

test.each([
  ["a status", true],
  ["an ERROR event", false],
])(
  "a version that is too old (%s) is listed anew: what is not there any more is gone",
  async (_, asStatus) => {
    api.goneAsStatus = asStatus;
    api.put("s", slice("a", "b"));
    api.put("t", slice("c"));
    await start();
    await watching();
    api.cut();
    api.delete("t");
    api.put("s", slice("b", "d"));
    api.compact();
    await watched("bd");
    expect(api.asks("list")).toHaveLength(2);
    // Too old is what happens, and no fault.
    expect(notices.filter((line) => line.includes("410"))).toEqual([]);
  },
);

test("a watch that is told in the middle that it is too old begins anew", async () => {
  api.put("s", slice("a"));
  await start();
  await watching();
  api.expire();
  await expect.poll(() => api.asks("list").length, patiently).toBe(2);
  api.put("s", slice("b"));
  await watched("b");
  expect(notices).toEqual([]);
});

test("long lists come in pages", async () => {
  for (let i = 0; i < 1001; i++) api.put(`s${i}`, slice());
  api.put("last", slice("z"));
  await start();
  expect([pods(), api.asks("list").length]).toEqual(["z", 3]);
});

test("a token is read again, and one that is refused is said once, with what was found before kept", async () => {
  await using folder = await scratchFolder();
  const tokenFile = await folder.write("token", "first\n");
  api.token = "first";
  api.put("s", slice("a"));
  await start({ tokenFile });
  await watching();
  api.token = "second";
  api.cut();
  await expect.poll(() => notices.at(-1), patiently).toContain("does not accept the token (401)");
  expect([pods(), notices.filter((line) => line.includes("401")).length]).toEqual(["a", 1]);
  await folder.write("token", "second");
  await expect.poll(() => api.watching, patiently).toBe(1);
  api.put("s", slice("b"));
  await watched("b");
  expect(notices.at(-1)).toContain("can be read again");
});

test.each([
  [403, "bind a Role in default to the ServiceAccount that may get, list and watch endpointslices"],
  [404, "the server has no discovery.k8s.io/v1"],
  [500, "the API server answered 500"],
])("a refusal with %i says what to do, and is tried again", async (status, said) => {
  api.refuse = status;
  api.put("s", slice("a"));
  await start();
  expect([pods(), notices]).toEqual([null, [expect.stringContaining(said)]]);
  expect(notices[0]).toContain("no server until it can be read");
  api.refuse = 0;
  await watched("a");
});

test("the API server is believed by the CA that is named, as the file has it now", async () => {
  await using folder = await scratchFolder();
  const pem = (name: string) => readFile(new URL(`../../harness/fakes/tls/${name}.pem`, import.meta.url));
  const key = await readFile(new URL("../../harness/fakes/tls/server.key", import.meta.url));
  await using secure = await KubernetesApi.start("default", { cert: await pem("server"), key });
  secure.put("s", slice("a"));
  const caFile = await folder.write("ca.crt", await pem("client"));
  await start({ server: secure.url.replace("127.0.0.1", "localhost"), caFile });
  expect(notices).toEqual([expect.stringMatching(/no whole answer \([A-Z_]*(?:CERT|SIGNATURE)[A-Z_]*\)/)]);
  await folder.write("ca.crt", await pem("ca"));
  await watched("a");
});

test("a server that is away is waited for", async () => {
  api.put("s", slice("a"));
  const { url } = api;
  await api[Symbol.asyncDispose]();
  await start({ server: url });
  expect(notices).toEqual([expect.stringContaining("no whole answer (ECONNREFUSED)")]);
});

test("a port that is not there is said, and is no fault of the list", async () => {
  api.put("s", slice("a"));
  await start({ port: "grpc" });
  expect([pods(), notices]).toEqual([
    "",
    [expect.stringContaining("s has no port named grpc, only http 8000")],
  ]);
});

import { describe, expect, test } from "vitest";
import { readEndpointSlice, serversOf } from "../../src/discovery/kubernetes/endpoint-slices.ts";
import { inUse } from "../../src/discovery/source.ts";

const HTTP = { port: null, scheme: "http", path: "" } as const;

function pod(name: string, uid = `uid-${name}`) {
  return { targetRef: { kind: "Pod", name, uid } };
}

interface Slice {
  readonly name?: string;
  readonly addressType?: string;
  readonly ports?: unknown;
  readonly endpoints?: unknown;
}

function read({
  name = "s",
  addressType = "IPv4",
  ports = [{ name: "http", port: 8000 }],
  endpoints,
}: Slice) {
  const slice = readEndpointSlice({ metadata: { name }, addressType, ports, endpoints });
  if (slice === null) throw new Error("is no slice");
  return slice;
}

/** `name@url state` of each server. */
function servers(slices: readonly Slice[], terms: Partial<Parameters<typeof serversOf>[1]> = {}) {
  const { endpoints, doubt } = serversOf(slices.map(read), { ...HTTP, ...terms });
  const text = endpoints.map(({ url, name, state }) => `${name?.name ?? ""}@${url} ${state}`);
  return doubt === null ? text : [...text, doubt];
}

const A = { addresses: ["10.0.0.1"], ...pod("a") };

describe("a server of an EndpointSlice", () => {
  test.each<[string, object, string]>([
    ["nothing said", {}, "ready"],
    ["nulls", { ready: null, serving: null, terminating: null }, "ready"],
    ["ready", { ready: true, serving: true, terminating: false }, "ready"],
    ["not ready", { ready: false, serving: false, terminating: false }, "unready"],
    ["about to end, serving", { ready: false, serving: true, terminating: true }, "serving"],
    ["about to end, done", { ready: false, serving: false, terminating: true }, "unready"],
    ["about to end, nothing said of serving", { ready: false, terminating: true }, "unready"],
    [
      "published though not ready, about to end",
      { ready: true, serving: true, terminating: true },
      "serving",
    ],
    ["nonsense", { ready: "yes", terminating: 1 }, "ready"],
  ])("by its conditions: %s", (_, conditions, state) => {
    expect(servers([{ endpoints: [{ ...A, conditions }] }])).toEqual([`a@http://10.0.0.1:8000 ${state}`]);
  });

  test.each<[string, Slice, Partial<Parameters<typeof serversOf>[1]>, string[]]>([
    ["the only port", {}, {}, ["a@http://10.0.0.1:8000 ready"]],
    [
      "a port by its name",
      {
        ports: [
          { name: "m", port: 9 },
          { name: "http", port: 7 },
        ],
      },
      { port: "http" },
      ["a@http://10.0.0.1:7 ready"],
    ],
    [
      "a port by its number",
      {
        ports: [
          { name: "m", port: 9 },
          { name: "http", port: 7 },
        ],
      },
      { port: 9 },
      ["a@http://10.0.0.1:9 ready"],
    ],
    ["a number where none is listed", { ports: null }, { port: 8080 }, ["a@http://10.0.0.1:8080 ready"]],
    ["a number that is not listed", {}, { port: 8080 }, ["s has no port 8080, only http 8000"]],
    ["a name that is not listed", {}, { port: "grpc" }, ["s has no port named grpc, only http 8000"]],
    [
      "several, none named",
      {
        ports: [
          { name: "m", port: 9 },
          { name: "h", port: 7 },
        ],
      },
      {},
      ["s has the ports m 9, h 7; name one in `port`"],
    ],
    ["none at all", { ports: [] }, {}, ["s has no port; name its number in `port`"]],
    [
      "UDP left out",
      { ports: [{ name: "d", port: 53, protocol: "UDP" }, { port: 80 }] },
      {},
      ["a@http://10.0.0.1 ready"],
    ],
    ["a scheme and a path", {}, { scheme: "https", path: "/base/" }, ["a@https://10.0.0.1:8000/base ready"]],
    [
      "IPv6",
      { addressType: "IPv6", endpoints: [{ ...A, addresses: ["fd00::1"] }] },
      {},
      ["a@http://[fd00::1]:8000 ready"],
    ],
    [
      "a name",
      { addressType: "FQDN", endpoints: [{ addresses: ["gpu.example"] }] },
      {},
      ["@http://gpu.example:8000 ready"],
    ],
    [
      "no address, another family, a zone",
      {
        endpoints: [{ addresses: [] }, { addresses: ["fd00::1"] }, { addresses: ["fe80::1%e"] }, {}, null, 7],
      },
      {},
      [],
    ],
    ["no endpoints", { endpoints: null }, { port: "grpc" }, []],
    [
      "a node behind it, not a pod",
      { endpoints: [{ ...A, targetRef: { kind: "Node", name: "n" } }] },
      {},
      ["@http://10.0.0.1:8000 ready"],
    ],
  ])("%s", (_, slice, terms, expected) => {
    expect(servers([{ endpoints: [A], ...slice }], terms)).toEqual(expected);
  });

  test("what is no slice is none", () => {
    for (const odd of [null, 7, [], {}, { metadata: {} }, { metadata: { name: "s" }, addressType: "IPv5" }])
      expect(readEndpointSlice(odd)).toBeNull();
  });
});

describe("several slices", () => {
  test("are one list; a pod in two of them is one server, in its best state", () => {
    const ended = { ...A, conditions: { ready: false } };
    const b = { addresses: ["10.0.0.2"], ...pod("b") };
    const expected = ["a@http://10.0.0.1:8000 ready", "b@http://10.0.0.2:8000 ready"];
    expect(servers([{ endpoints: [ended] }, { name: "t", endpoints: [b, A] }])).toEqual(expected);
    expect(servers([{ endpoints: [A] }, { name: "t", endpoints: [b, ended] }])).toEqual(expected);
  });

  test("of both families give a pod its address of IPv4", () => {
    const six = { addressType: "IPv6", endpoints: [{ ...A, addresses: ["fd00::1"] }] };
    expect(servers([six, { name: "t", endpoints: [A] }])).toEqual(["a@http://10.0.0.1:8000 ready"]);
    expect(servers([{ name: "t", endpoints: [A] }, six])).toEqual(["a@http://10.0.0.1:8000 ready"]);
  });

  test("without pods are told apart by their URLs", () => {
    const plain = { addresses: ["10.0.0.1"] };
    expect(servers([{ endpoints: [plain] }, { name: "t", endpoints: [plain] }])).toHaveLength(1);
  });
});

describe("in use", () => {
  function used(endpoints: readonly object[]) {
    const found = serversOf([read({ endpoints })], HTTP).endpoints;
    return inUse(found).map(({ url, name }) => `${name?.name ?? ""} ${name?.uid ?? ""} ${url}`);
  }

  const at = (address: string, of: object, conditions = {}) => ({ addresses: [address], ...of, conditions });
  const ending = { ready: false, serving: true, terminating: true };

  test("is what is ready; where nothing is, what is about to end and still serves", () => {
    const [a, b] = [at("10.0.0.1", pod("a"), ending), at("10.0.0.2", pod("b"))];
    expect(used([a, b])).toEqual(["b uid-b http://10.0.0.2:8000"]);
    expect(used([a, at("10.0.0.3", pod("c"), { ready: false })])).toEqual(["a uid-a http://10.0.0.1:8000"]);
  });

  test("a pod at the address that another had is another server; of two that have it at once, one counts", () => {
    expect(used([at("10.0.0.1", pod("a", "1"))])).not.toEqual(used([at("10.0.0.1", pod("a", "2"))]));
    expect(used([at("10.0.0.1", pod("a")), at("10.0.0.1", pod("b"))])).toHaveLength(1);
  });

  test("a second server of one name goes by its URL", () => {
    expect(used([at("10.0.0.1", pod("a", "1")), at("10.0.0.2", pod("a", "2"))])).toEqual([
      "a 1 http://10.0.0.1:8000",
      "  http://10.0.0.2:8000",
    ]);
  });
});

import { rename } from "node:fs/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { DnsSource, type SrvRecord } from "../../src/discovery/dns-source.ts";
import { FileSource } from "../../src/discovery/file-source.ts";
import type { ServerRole } from "../../src/config/discover-config.ts";
import type { ServerSource } from "../../src/discovery/source.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { patiently } from "../patiently.ts";

function listener() {
  const notices: string[] = [];
  return { notices, changes: 0, changed: vi.fn<() => void>(), notice: (line: string) => notices.push(line) };
}

function urls({ state: { endpoints } }: ServerSource): readonly string[] | null {
  return endpoints?.map(({ url, name }) => (name === null ? url : `${name.name} ${url}`)) ?? null;
}

describe("SRV records", () => {
  afterEach(() => vi.useRealTimers());

  function dns(answers: (readonly Partial<SrvRecord>[] | Error)[], everyMs = 1000) {
    const heard = listener();
    const lookup = async () => {
      const next = answers.length > 1 ? answers.shift() : answers[0];
      if (next instanceof Error || next === undefined) throw next ?? new Error("none");
      return next.map((one) => ({ name: "a", port: 8000, priority: 0, weight: 0, ...one }));
    };
    const terms = { kind: "dns", srv: "_http._tcp.engines", scheme: "http", path: "" } as const;
    return { ...heard, source: new DnsSource(terms, lookup, everyMs, heard) };
  }

  test.each<[string, readonly Partial<SrvRecord>[], readonly string[]]>([
    [
      "each target once, in one order",
      [{ name: "B." }, { name: "a" }, { name: "b" }],
      ["http://a:8000", "http://b:8000"],
    ],
    ["the usual port", [{ port: 80 }], ["http://a"]],
    ["the root: no such service", [{ name: "." }, { name: "" }], []],
    ["what is no name", [{ name: "a/b" }, { name: "a@b" }], []],
  ])("%s", async (_, records, expected) => {
    const { source } = dns([records], 0);
    await source.start();
    expect(urls(source)).toEqual(expected);
  });

  test("say which come first, and which part each gets of those", async () => {
    const { source } = dns(
      [
        [
          { name: "late", priority: 20, weight: 5 },
          { name: "half", priority: 10, weight: 30 },
          { name: "most", priority: 10, weight: 60 },
          { name: "few", priority: 10, weight: 0 },
          { name: "most", priority: 30, weight: 900 },
          { name: "last", priority: 65_535, weight: 65_535 },
        ],
      ],
      0,
    );
    await source.start();
    const parts = source.state.endpoints?.map(({ url, part }) => [url, part?.tier, part?.weight]);
    expect(parts).toEqual([
      ["http://few:8000", 0, 1 / 60],
      ["http://half:8000", 0, 0.5],
      ["http://last:8000", 3, 1],
      ["http://late:8000", 1, 1],
      ["http://most:8000", 0, 1],
    ]);
  });

  test("that are changed in their weights alone are another list", async () => {
    vi.useFakeTimers();
    const { source } = dns([
      [{ weight: 2 }, { name: "b", weight: 2 }],
      [{ weight: 2 }, { name: "b", weight: 1 }],
    ]);
    await source.start();
    await vi.advanceTimersByTimeAsync(1000);
    expect(source.state.changes).toBe(2);
    await source.stop();
  });

  test("are looked up again; what fails is said once, and the last list stays", async () => {
    vi.useFakeTimers();
    const fault = Object.assign(new Error("x"), { code: "ETIMEOUT" });
    const { source, notices, changed } = dns([[{}], [{}], fault, fault, [{ name: "b" }]]);
    await source.start();
    const steps = [
      ["a", true, 1],
      ["a", false, 1],
      ["a", false, 1],
      ["b", true, 2],
    ];
    for (const [expected, isReadable, changes] of steps) {
      await vi.advanceTimersByTimeAsync(1000);
      expect([urls(source), source.state.isReadable, source.state.changes]).toEqual([
        [`http://${expected}:8000`],
        isReadable,
        changes,
      ]);
    }
    expect([changed.mock.calls.length, notices]).toEqual([
      2,
      [
        "SRV records of _http._tcp.engines cannot be looked up (ETIMEOUT); the servers stay those that were found last",
        "SRV records of _http._tcp.engines can be read again",
      ],
    ]);
    await source.stop();
    await vi.advanceTimersByTimeAsync(5000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a list in a file", () => {
  const LOOK_MS = 5;
  let source: FileSource | null = null;
  afterEach(() => source?.stop());

  async function watched(path: string, role: ServerRole = null) {
    const heard = listener();
    source = new FileSource({ kind: "file", path, role }, heard, LOOK_MS);
    await source.start();
    return { ...heard, source };
  }

  test.each<[string, ServerRole, readonly string[]]>([
    ['["http://a:1", "https://b/base/"]', null, ["http://a:1", "https://b/base"]],
    ["- http://a:1\n- {url: http://b:2, name: engine-1}\n", null, ["http://a:1", "engine-1 http://b:2"]],
    [
      "- {url: http://p, role: prefill}\n- {url: http://d, role: decode}\n- http://x",
      "prefill",
      ["http://p", "http://x"],
    ],
    ["- {url: http://p, role: prefill}\n- {url: http://d, role: decode}\n- http://x", null, ["http://x"]],
    ["[]", null, []],
  ])("%j for %s", async (text, role, expected) => {
    await using folder = await scratchFolder();
    const { source: read, notices } = await watched(await folder.write("list.yaml", text), role);
    expect([urls(read), notices]).toEqual([expected, []]);
  });

  test.each([
    ["", "is empty; expected a list"],
    ["urls: [http://a]", "is no list"],
    ["- http://a\n- http://a/", "names http://a again"],
    ["- {url: http://a, name: n}\n- {url: http://b, name: n}", 'is called "n" as another is'],
    ["- ftp://a", "has no URL that can be used"],
    ["- {url: http://a, weight: 3}", "[0].weight is not known"],
    ["- {url: http://a, name: 'x y'}", "[0].name is no name"],
    ["- {url: http://a, role: both}", "[0].role is no role"],
    ["- [", "is not valid YAML"],
    ["- 7\n- null", "is no server"],
  ])("%j is refused, and the last good one stays", async (text, said) => {
    await using folder = await scratchFolder();
    const path = await folder.write("list.yaml", "- http://a:1");
    const { source: read, notices, changed } = await watched(path);
    await folder.write("list.yaml", text);
    await expect.poll(() => notices.length, patiently).toBe(1);
    expect(notices[0]).toContain(said);
    expect(notices[0]).toContain("the servers stay those that were found last");
    expect(urls(read)).toEqual(["http://a:1"]);
    await folder.write("list.yaml", "- http://b:1");
    await expect.poll(() => urls(read), patiently).toEqual(["http://b:1"]);
    expect(changed).toHaveBeenCalledTimes(2);
  });

  test("that is replaced by another is read, and one that comes late or goes", async () => {
    await using folder = await scratchFolder();
    const path = folder.path("list.json");
    const { source: read, notices } = await watched(path);
    expect(notices).toEqual([
      expect.stringContaining("cannot be read (ENOENT); no server until it can be read"),
    ]);
    await rename(await folder.write("new", '["http://a"]'), path);
    await expect.poll(() => urls(read), patiently).toEqual(["http://a"]);
    await rename(path, folder.path("away"));
    await expect
      .poll(() => notices.at(-1), patiently)
      .toContain("the servers stay those that were found last");
    await rename(await folder.write("new", '["http://b"]'), path);
    await expect.poll(() => urls(read), patiently).toEqual(["http://b"]);
  });
});

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, stat, symlink } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { PoolStore } from "../../src/control/store.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { patiently } from "../patiently.ts";
import { writtenBefore } from "../../harness/stored-kinds.ts";
import { bytes } from "../store-text.ts";

/** Every file that is written whole meets a full disk after so many bytes. @returns the way to make room again */
async function fillDisk(room: number): Promise<() => void> {
  const one = await open("/dev/null");
  const files = Object.getPrototypeOf(one) as typeof one;
  await one.close();
  const { writeFile } = files;
  files.writeFile = async function (this: typeof one, content, ...rest) {
    const whole = content as Uint8Array;
    if (whole.length <= room) return writeFile.call(this, content, ...rest);
    await writeFile.call(this, whole.subarray(0, room));
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  return () => {
    files.writeFile = writeFile;
  };
}

const LONG_MS = 60_000;
const MODULE = new URL("../../src/store/local/local-store.ts", import.meta.url).href;
const FULL =
  "it cannot be written (ENOSPC, the disk is full): the file is as it was, what changes is kept in memory and written once that is possible";

const children: ChildProcess[] = [];
let makeRoom = () => {};
afterEach(() => {
  makeRoom();
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** All that is kept in a file, as a person reads it. */
async function all(pool: PoolStore): Promise<unknown> {
  const { epoch, snapshot, values } = await pool.read();
  return {
    epoch,
    snapshot: hex(snapshot),
    before: hex(await pool.at(epoch - 1)),
    values: Object.fromEntries(Array.from(values, ([name, value]) => [name, hex(value)])),
    parts: (await pool.kept(await pool.keptNames())).map(hex),
    learned: (await pool.learned(["k", "0"])).map(hex),
    audit: (await pool.audit(10)).map(({ entry }) => entry),
  };
}

describe("what is in a file", () => {
  test("of every kind is the same after three restarts, and can be written again in each", async () => {
    await using folder = await scratchFolder();
    const path = folder.path("store");
    const every = Uint8Array.from({ length: 256 }, (_, i) => i);
    let store = await LocalStore.open(path);
    let pool = store.pool("a");
    let token = (await pool.lease("one", LONG_MS)) as number;
    await pool.publish(1, every, token);
    await pool.publish(2, every.toReversed(), token);
    for (const name of ["leader", "rollout", "orders", "learned", "decisions", "history"] as const)
      await pool.put(name, bytes(`${name} \u0000ÿ`), token);
    await pool.keep(new Map([["part", every]]), token);
    await pool.offer("k", 3, every);
    await pool.send(bytes("m"), "who did what");
    await store.pool("b").restore(7, bytes("other"));
    const written = await all(pool);
    for (let restart = 1; restart <= 3; restart++) {
      await store.close();
      store = await LocalStore.open(path);
      pool = store.pool("a");
      expect(await all(pool)).toEqual(written);
      expect(hex((await store.pool("b").read()).snapshot)).toBe(hex(bytes("other")));
      const next = (await pool.lease("one", LONG_MS)) as number;
      expect(next).toBeGreaterThan(token);
      token = next;
      // The file is written, of what was read.
      await store.pool("c").restore(restart, bytes("c"));
    }
    await store.close();
  });

  test.each(["file", "fileOfSecondProcess"])(
    "of the version before (%s) is read, and is whole from then on",
    async (name) => {
      await using folder = await scratchFolder();
      const path = folder.path("store");
      await folder.write("store", writtenBefore(name));
      for (let restart = 1; restart <= 3; restart++) {
        const store = await LocalStore.open(path);
        const pool = store.pool("p");
        expect(await all(pool)).toEqual({
          parts: [],
          epoch: 7,
          snapshot: hex(writtenBefore("snapshot")),
          before: "",
          values: {
            orders: hex(writtenBefore("operatorState")),
            rollout: expect.any(String) as string,
            learned: hex(writtenBefore("learnedLoad")),
          },
          learned: ["", hex(writtenBefore("expertSketch"))],
          audit: [writtenBefore("auditEntry").toString()],
        });
        await store.pool("c").restore(restart, bytes("c"));
        await store.close();
        expect((await readFile(path)).includes('"Buffer"')).toBe(false);
      }
    },
  );
});

describe("a file that another process has", () => {
  const REFUSED =
    /^\S+store: is in use by another process, which holds \S+store\.lock; give each gateway a file of its own, or let them share a Redis$/;

  test("is refused, and free once that is killed", async () => {
    await using folder = await scratchFolder();
    const path = folder.path("store");
    const holder = await holding(folder, []);
    for (let i = 0; i < 3; i++) await expect(LocalStore.open(path)).rejects.toThrow(REFUSED);
    // To look at it is allowed.
    expect((await (await LocalStore.look(path)).pool("a").read()).epoch).toBe(1);
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
    const store = await LocalStore.open(path);
    await expect(LocalStore.open(path)).rejects.toThrow(REFUSED);
    await store.close();
    await (await LocalStore.open(path)).close();
  });

  const namespaces = ["--map-root-user", "--pid", "--fork", "--kill-child"];
  const possible = spawnSync("unshare", [...namespaces, "true"]).status === 0;
  test.runIf(possible)("is refused in other containers too, where process ids repeat", async () => {
    await using folder = await scratchFolder();
    await holding(folder, ["unshare", ...namespaces]);
    const second = run(folder, ["unshare", ...namespaces]);
    expect(await output(second)).toMatch(/is in use by another process/);
  });
});

describe("where something else lies", () => {
  test("a link is not followed: neither the file's, nor its lock's, nor that of a file beside it", async () => {
    await using folder = await scratchFolder();
    await folder.write("victim", "precious");
    await symlink(folder.path("victim"), folder.path("store"));
    await expect(LocalStore.open(folder.path("store"))).rejects.toThrow(
      "cannot be read (it is a link); expected a store's file",
    );
    await symlink(folder.path("victim"), folder.path("other.lock"));
    await expect(LocalStore.open(folder.path("other"))).rejects.toThrow(
      "other.lock: is no file; move it away",
    );
    await symlink(folder.path("victim"), folder.path("third.next"));
    const store = await LocalStore.open(folder.path("third"));
    await store.pool("a").restore(1, bytes("x"));
    await store.close();
    expect(await readFile(folder.path("victim"), "utf8")).toBe("precious");
    expect((await stat(folder.path("third"))).mode & 0o777).toBe(0o600);
  });

  test("a pipe holds nothing up", async () => {
    await using folder = await scratchFolder();
    spawnSync("mkfifo", [folder.path("store")]);
    await expect(LocalStore.open(folder.path("store"))).rejects.toThrow("it is no regular file");
  });

  test("what a process that was ended while it wrote has left is removed, and nothing else", async () => {
    await using folder = await scratchFolder();
    const others = ["store.next", "store.0123456789abcdef.next.txt", "stores.0123456789abcdef.next"];
    for (const name of [...others, "store.0123456789abcdef.next"]) await folder.write(name, "x");
    await (await LocalStore.open(folder.path("store"))).close();
    expect((await folder.names()).toSorted()).toEqual([...others, "store.lock"].toSorted());
  });
});

describe("a full disk", () => {
  test("is said once, leaves the file whole, and loses nothing once there is room", async () => {
    await using folder = await scratchFolder();
    const path = folder.path("store");
    const store = await LocalStore.open(path);
    const faults: (string | null)[] = [];
    store.onFault((fault) => faults.push(fault));
    const pool = store.pool("a");
    await pool.restore(1, bytes("1"));
    const whole = await readFile(path);
    makeRoom = await fillDisk(100);
    await pool.restore(2, bytes("2"));
    await pool.restore(3, bytes("3"));
    await pool.send(bytes("m"), "entry");
    expect(store.fault).toBe(FULL);
    expect(await readFile(path)).toEqual(whole);
    expect((await folder.names()).toSorted()).toEqual(["store", "store.lock"]);
    makeRoom();
    await expect.poll(() => store.fault, patiently).toBeNull();
    expect(faults).toEqual([FULL, null]);
    const after = (await LocalStore.look(path)).pool("a");
    expect((await after.read()).epoch).toBe(3);
    expect((await after.audit(1)).map(({ entry }) => entry)).toEqual(["entry"]);
    await store.close();
  });

  const own = ["--map-root-user", "--mount"];
  const mounts = ["unshare", ...own, "sh", "-c", 'mount -t tmpfs -o size=32k tmpfs "$0" && exec "$@"'];
  const probe = spawnSync("unshare", [...own, "sh", "-c", "mount -t tmpfs tmpfs /tmp"]);
  test.runIf(probe.status === 0)("of its own is found to be full, and to have room again", async () => {
    await using folder = await scratchFolder();
    const script = `
      import { LocalStore } from ${JSON.stringify(MODULE)};
      import { execFileSync } from "node:child_process";
      import { readdirSync } from "node:fs";
      const [folder] = process.argv.slice(-1);
      const path = folder + "/store";
      const store = await LocalStore.open(path);
      const faults = [];
      store.onFault((fault) => faults.push(fault));
      await store.pool("a").restore(1, new Uint8Array(1000));
      await store.pool("a").restore(2, new Uint8Array(100_000));
      const kept = (await (await LocalStore.look(path)).pool("a").read()).epoch;
      const names = readdirSync(folder);
      execFileSync("mount", ["-o", "remount,size=4m", folder]);
      while (store.fault !== null) await new Promise((resolve) => setTimeout(resolve, 50));
      const { epoch } = await (await LocalStore.look(path)).pool("a").read();
      console.log(JSON.stringify({ faults, kept, names, epoch }));
      await store.close();`;
    const program = await folder.write("run.mjs", script);
    const at = folder.path("empty");
    await mkdir(at);
    const child = started([...mounts, at, process.execPath, program, at]);
    expect(JSON.parse(await output(child))).toEqual({
      faults: [FULL, null],
      kept: 1,
      names: expect.arrayContaining(["store", "store.lock"]) as string[],
      epoch: 2,
    });
  });
});

function started([command, ...args]: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  children.push(child);
  return child;
}

async function output(child: ChildProcess): Promise<string> {
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (part: Buffer) => (text += String(part)));
  await once(child, "close");
  return text;
}

/** A process that opens `store` in the folder, and keeps it. @param within what it is run by */
function run(folder: ScratchFolder, within: readonly string[]): ChildProcess {
  const script = `
    const { LocalStore } = await import(${JSON.stringify(MODULE)});
    const store = await LocalStore.open(${JSON.stringify(folder.path("store"))});
    await store.pool("a").restore(1, new Uint8Array(1));
    console.log("has it", process.pid);
    setInterval(() => {}, 1000);`;
  return started([...within, process.execPath, "--input-type=module", "-e", script]);
}

async function holding(folder: ScratchFolder, within: readonly string[]): Promise<ChildProcess> {
  const child = run(folder, within);
  let said = "";
  child.stdout?.on("data", (part: Buffer) => (said += String(part)));
  child.stderr?.on("data", (part: Buffer) => (said += String(part)));
  await expect.poll(() => said, patiently).toMatch(/^has it/);
  return child;
}

function hex(content: Uint8Array | null): string {
  return content === null ? "" : Buffer.from(content).toString("hex");
}

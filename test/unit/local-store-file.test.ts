import { readFile, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import type { PoolStore } from "../../src/control/store.ts";
import { InputError } from "../../src/lib/errors.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { patiently } from "../patiently.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { bytes, text } from "../store-text.ts";

const LONG_MS = 60_000;

test("the next process goes on from the file: epochs, values, what was learned, the audit log", async () => {
  await using folder = await scratchFolder();
  const path = folder.path("store");
  const before = await LocalStore.open(path);
  expect(before.name).toBe(`file://${path}`);
  const pool = before.pool("a");
  const token = await leased(pool);
  for (let epoch = 1; epoch <= 20; epoch++) await pool.publish(epoch, bytes(`e${epoch}`), token);
  await pool.put("orders", bytes("paused"), token);
  await pool.put("report", bytes("of a round"), token);
  await pool.offer("k", 3, bytes("learned"));
  await pool.send(bytes("m"), "who did what");
  await before.pool("b").restore(1, bytes("other"));
  await before.close();

  const after = await LocalStore.open(path);
  const again = after.pool("a");
  const { epoch, snapshot, values } = await again.read();
  expect([epoch, text(snapshot)]).toEqual([20, "e20"]);
  expect(Array.from(values, ([name, value]) => [name, text(value)])).toEqual([["orders", "paused"]]);
  expect(text(await again.at(13))).toBe("e13");
  expect(text((await again.learned(["k"]))[0])).toBe("learned");
  expect((await again.audit(5)).map(({ entry }) => entry)).toEqual(["who did what"]);
  expect(await leased(again)).toBeGreaterThan(token);
  expect(text((await after.pool("b").read()).snapshot)).toBe("other");
  const heard: number[] = [];
  again.follow({ epoch: (number) => heard.push(number), value: () => {} });
  expect(heard).toEqual([20]);
  await after.close();
});

test("an epoch is in the file before anybody hears it", async () => {
  await using folder = await scratchFolder();
  const path = folder.path("store");
  const store = await LocalStore.open(path);
  const pool = store.pool("a");
  const kept: (number | undefined)[] = [];
  const looks: Promise<void>[] = [];
  const look = async () => {
    kept.push((await (await LocalStore.look(path)).pool("a").read()).epoch);
  };
  pool.follow({ epoch: () => looks.push(look()), value: () => {} });
  const token = await leased(pool);
  await Promise.all([1, 2, 3].map((epoch) => pool.publish(epoch, bytes("x"), token)));
  await Promise.all(looks);
  expect(kept).toHaveLength(3);
  for (const [i, epoch] of kept.entries()) expect(epoch).toBeGreaterThanOrEqual(i + 1);
  await store.close();
});

test("what is only put, told or offered is in the file a while later, without a close", async () => {
  await using folder = await scratchFolder();
  const path = folder.path("store");
  const store = await LocalStore.open(path);
  await store.pool("a").offer("k", 1, bytes("x"));
  const found = async () => text((await (await LocalStore.look(path)).pool("a").learned(["k"]))[0]);
  await expect.poll(found, patiently).toBe("x");
  await store.close();
});

test("opening and closing writes nothing but the lock; writing leaves one file more", async () => {
  await using folder = await scratchFolder();
  await (await LocalStore.open(folder.path("store"))).close();
  expect(await folder.names()).toEqual(["store.lock"]);
  const store = await LocalStore.open(folder.path("store"));
  await store.pool("a").restore(1, bytes("x"));
  await store.close();
  expect((await folder.names()).toSorted()).toEqual(["store", "store.lock"]);
  for (const name of await folder.names()) expect((await stat(folder.path(name))).mode & 0o777).toBe(0o600);
});

test("a damaged file, or another, is refused and left as it is", async () => {
  await using folder = await scratchFolder();
  const path = folder.path("store");
  const store = await LocalStore.open(path);
  await store.pool("a").restore(1, bytes("snapshot"));
  await store.close();
  const whole = await readFile(path);
  const broken = [
    whole.subarray(0, whole.length - 1),
    whole.subarray(0, 20),
    Buffer.concat([whole.subarray(0, -1), Buffer.of(0)]),
    Buffer.concat([whole, Buffer.of(0)]),
  ];
  for (const content of broken) {
    await folder.write("store", content);
    await expect(LocalStore.open(path)).rejects.toThrow(
      new InputError(
        path,
        "",
        "is damaged: its checksum does not match; put back a copy, or move it away to start anew",
      ),
    );
    expect(await readFile(path)).toEqual(content);
  }
  for (const foreign of ["", "workers: 1\n", "plimsoll.store/2\n"]) {
    await folder.write("store", foreign);
    await expect(LocalStore.open(path)).rejects.toThrow("is not a store's file of this version");
  }
});

test("a place that cannot be written to is refused", async () => {
  await using folder = await scratchFolder();
  await expect(LocalStore.open(folder.path("none/store"))).rejects.toThrow(
    `${folder.path("none/store")}: cannot be written (ENOENT); expected a path in a folder to write to`,
  );
  await expect(LocalStore.open(folder.path(""))).rejects.toThrow("cannot be read (it is no regular file)");
});

test("a file that can no longer be written is told of, and written once it can be", async () => {
  const folder = await scratchFolder();
  const store = await LocalStore.open(folder.path("store"));
  const faults: (string | null)[] = [];
  store.onFault((fault) => faults.push(fault));
  await folder[Symbol.asyncDispose]();
  const heard: number[] = [];
  store.pool("a").follow({ epoch: (epoch) => heard.push(epoch), value: () => {} });
  await store.pool("a").restore(1, bytes("x"));
  const fault =
    "it cannot be written (ENOENT): the file is as it was, what changes is kept in memory and written once that is possible";
  expect([heard, faults, store.fault]).toEqual([[1], [fault], fault]);
  await store.close();
});

async function leased(pool: PoolStore): Promise<number> {
  return (await pool.lease("one", LONG_MS)) as number;
}

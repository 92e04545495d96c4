import { chmod, rename, rm, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { FileWatch } from "../../src/files/file-watch.ts";

const EVERY_MS = 5000;
const SETTLE_MS = 500;

let folder: ScratchFolder;
let told: number;
let watch: FileWatch;
beforeEach(async () => {
  folder = await scratchFolder();
  told = 0;
  watch = new FileWatch(() => told++);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(async () => {
  watch.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  await folder[Symbol.asyncDispose]();
});

/** Time goes on, and the look that is due then comes to its end. */
async function pass(ms: number): Promise<void> {
  const waiting = vi.getTimerCount();
  vi.advanceTimersByTime(ms);
  while (vi.getTimerCount() < waiting) await new Promise((resolve) => setImmediate(resolve));
}

test("a file that is written to is told once it stays as it is, and once", async () => {
  const path = await folder.write("a", "one");
  await watch.watch([path], EVERY_MS);
  await pass(EVERY_MS);
  expect(told).toBe(0);
  for (const text of ["two", "two and", "two and three"]) {
    await writeFile(path, text);
    await pass(text === "two" ? EVERY_MS : SETTLE_MS);
    expect(told).toBe(0);
  }
  await pass(SETTLE_MS);
  expect(told).toBe(1);
  for (let i = 0; i < 3; i++) await pass(EVERY_MS);
  expect(told).toBe(1);
});

test("all of them stay as they are before one is told", async () => {
  const paths = [await folder.write("cert", "1"), await folder.write("key", "1")];
  await watch.watch(paths, EVERY_MS);
  await writeFile(paths[0], "22");
  await pass(EVERY_MS);
  await writeFile(paths[1], "22");
  await pass(SETTLE_MS);
  expect(told).toBe(0);
  await pass(SETTLE_MS);
  expect(told).toBe(1);
});

test("a link that is turned, a file that goes and comes, and other rights are changes", async () => {
  const [one, two] = [await folder.write("one", "x"), await folder.write("two", "x")];
  const link = folder.path("link");
  await symlink(one, link);
  await watch.watch([link], EVERY_MS);
  const changes = [
    async () => {
      await symlink(two, folder.path("new"));
      await rename(folder.path("new"), link);
    },
    () => chmod(two, 0o600),
    () => rm(link),
    () => symlink(one, link),
  ];
  for (const [i, change] of changes.entries()) {
    await change();
    await pass(EVERY_MS);
    await pass(SETTLE_MS);
    expect(told).toBe(i + 1);
  }
});

test("a file that was away between two looks is told", async () => {
  const path = await folder.write("a", "one");
  await watch.watch([path], EVERY_MS);
  await rename(path, folder.path("b"));
  await pass(EVERY_MS);
  await rename(folder.path("b"), path);
  await pass(SETTLE_MS);
  await pass(SETTLE_MS);
  expect(told).toBe(1);
});

test("others are watched in place of those before, and what has changed of those that stay is told", async () => {
  const [gone, stays] = [await folder.write("gone", "1"), await folder.write("stays", "1")];
  await watch.watch([gone, stays], EVERY_MS);
  await writeFile(gone, "22");
  await writeFile(stays, "22");
  await watch.watch([stays], EVERY_MS);
  await pass(EVERY_MS);
  await pass(SETTLE_MS);
  expect(told).toBe(1);
  await writeFile(gone, "333");
  await pass(EVERY_MS);
  await pass(SETTLE_MS);
  expect(told).toBe(1);
});

test("where nobody is to look, nobody does", async () => {
  await watch.watch([await folder.write("a", "one")], 0);
  expect(vi.getTimerCount()).toBe(0);
});

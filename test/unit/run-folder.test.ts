import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeOutput } from "../../src/cli/output.ts";
import { RunFolder } from "../../src/cli/run-folder.ts";
import { InputError } from "../../src/lib/errors.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const read = (path: string) => readFile(folder.path(path), "utf8");

describe("a run's folder", () => {
  it("has its files under their names at the end, not before, and replaces those of an earlier run", async () => {
    await folder.write("keep.txt", "mine");
    await folder.write("a.txt", "old");
    const run = new RunFolder(folder.path("."), ["a.txt", "b.txt"]);
    const line = "a line that is long enough to be written before the end\n";
    for (let i = 0; i < 3000; i++) run.write("a.txt", line);
    run.write("b.txt", "ä");
    expect(await read("a.txt")).toBe("old");
    run.finish();
    expect(await read("a.txt")).toBe(line.repeat(3000));
    expect(await read("b.txt")).toBe("ä");
    expect(await folder.names()).toEqual(["a.txt", "b.txt", "keep.txt"]);
  });

  it("leaves nothing where the run is given up, not even folders that it made", async () => {
    const before = await folder.names();
    const made = new RunFolder(folder.path("x/y/z"), ["a.txt"]);
    made.write("a.txt", "half");
    expect(await folder.names()).toContain("x");
    made.discard();
    expect(await folder.names()).toEqual(before);
    const there = new RunFolder(folder.path("."), ["a.txt", "c.txt"]);
    there.write("c.txt", "half");
    there.discard();
    expect(await folder.names()).toEqual(before);
    expect(await read("a.txt")).not.toBe("half");
  });

  it("is refused where a file cannot be written, before anything is run", async () => {
    mkdirSync(folder.path("taken.txt"));
    const before = await folder.names();
    expect(() => new RunFolder(folder.path("."), ["new.txt", "taken.txt"])).toThrow(InputError);
    expect(() => new RunFolder(folder.path("."), ["new.txt", "taken.txt"])).toThrow("is no regular file");
    expect(() => new RunFolder(folder.path("keep.txt/run"), ["a.txt"])).toThrow(
      "cannot be written (ENOTDIR)",
    );
    expect(() => new RunFolder(folder.path("keep.txt"), ["a.txt"])).toThrow("is no folder");
    expect(() => new RunFolder("", ["a.txt"])).toThrow("--out: is empty");
    expect(await folder.names()).toEqual(before);
  });

  it("is refused, not waited for, where the system makes no folder", async () => {
    expect(() => new RunFolder("/proc/run", ["a.txt"])).toThrow("cannot be written (ENOENT)");
    expect(() => new RunFolder("/proc/run/of/today", ["a.txt"])).toThrow("cannot be written (ENOENT)");
    await expect(writeOutput("/proc/run/a.txt", "")).rejects.toThrow("cannot be written (ENOENT)");
  });
});

import { truncate } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { findFileChunks, readExpanded } from "../../src/files/file-chunks.ts";
import { InputError } from "../../src/lib/errors.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

const folder = await scratchFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) % 251);

test("a file comes in parts, expanded where it is compressed, also of several members", async () => {
  const half = bytes.length / 2;
  const members = Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))]);
  for (const [name, content] of [
    ["plain", bytes],
    ["packed", gzipSync(bytes)],
    ["members", members],
  ] as const) {
    const path = await folder.write(name, content);
    const file = await findFileChunks(path);
    const parts: Uint8Array[] = [];
    for await (const part of file.chunks) parts.push(part);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(parts.length).toBeGreaterThan(1);
    expect([file.size, file.bytesRead()]).toEqual([content.length, content.length]);
    expect(Buffer.from(await readExpanded(path, bytes.length, "give less")).equals(bytes)).toBe(true);
  }
});

test("a file is read no further than its parts are taken", async () => {
  const path = await folder.write("large", "");
  await truncate(path, 1 << 26);
  const file = await findFileChunks(path);
  for await (const part of file.chunks) {
    expect(part.length).toBeGreaterThan(0);
    break;
  }
  expect(file.bytesRead()).toBeLessThan(1 << 20);
});

test("a file that is, or expands to, more than may be held is refused", async () => {
  const plain = await folder.write("more", bytes);
  await expect(readExpanded(plain, 1000, "give less")).rejects.toThrow(
    `${plain}: has 300000 bytes, more than 1000; give less`,
  );
  const bomb = await folder.write("bomb", gzipSync(Buffer.alloc(1 << 24)));
  await expect(readExpanded(bomb, 1 << 20, "give less")).rejects.toThrow(InputError);
  await expect(readExpanded(bomb, 1 << 20, "give less")).rejects.toThrow(
    `${bomb}: expands to more than 1048576 bytes; give less`,
  );
});

test("an empty file has no parts", async () => {
  const path = await folder.write("empty", "");
  expect(await readExpanded(path, 10, "give less")).toHaveLength(0);
});

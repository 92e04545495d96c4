import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BLOCK_BYTES, blockHashes, hashText } from "../../src/routing/block-hashes.ts";

const bytes = fc.uint8Array({ minLength: 0, maxLength: 5 * BLOCK_BYTES, size: "max" });

/** One number per block; both words count. */
function hashes(prompt: Uint8Array, salt = 0): string[] {
  const words = blockHashes(prompt, 0, prompt.length, salt);
  return Array.from(
    { length: words.length / 2 },
    (_, block) => `${words[2 * block]} ${words[2 * block + 1]}`,
  );
}

describe("block hashes", () => {
  it("are of the whole blocks, wherever in memory the prompt begins", () => {
    fc.assert(
      fc.property(bytes, fc.nat(7), (prompt, offset) => {
        const moved = new Uint8Array(offset + prompt.length + 1);
        moved.set(prompt, offset);
        const view = moved.subarray(Math.floor(offset / 2));
        const start = offset - Math.floor(offset / 2);
        expect(blockHashes(view, start, start + prompt.length, 9)).toEqual(
          blockHashes(prompt, 0, prompt.length, 9),
        );
        expect(hashes(prompt)).toHaveLength(Math.floor(prompt.length / BLOCK_BYTES));
      }),
      { seed: 3 },
    );
  });

  it("are alike up to the block with the first difference, and different from there on", () => {
    fc.assert(
      fc.property(
        bytes.filter((prompt) => prompt.length >= BLOCK_BYTES),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (prompt, where, change) => {
          const at = where % prompt.length;
          const other = prompt.slice();
          other[at] ^= change;
          const [a, b] = [hashes(prompt), hashes(other)];
          for (const [block, hash] of a.entries()) {
            expect(b[block] === hash).toBe((block + 1) * BLOCK_BYTES <= at);
          }
        },
      ),
      { seed: 3 },
    );
  });

  it("are others with another salt, even of equal blocks", () => {
    const prompt = new Uint8Array(4 * BLOCK_BYTES);
    expect(new Set([...hashes(prompt, 1), ...hashes(prompt, 2)]).size).toBe(8);
  });

  it("end with the first 128 KiB", () => {
    expect(hashes(new Uint8Array(200_000))).toHaveLength(512);
  });
});

describe("the hash of a text", () => {
  it("is never 0, and differs between many like texts", () => {
    const all = Array.from({ length: 10_000 }, (_, i) => hashText(`tenant-${i}`));
    // Two of 10,000 are alike with a chance of 1 in 86.
    expect(new Set(all).size).toBe(10_000);
    expect(all).not.toContain(0);
    expect(hashText("")).not.toBe(0);
  });
});

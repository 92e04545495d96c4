import { expect } from "vitest";
import { InputError } from "../src/lib/errors.ts";

const LINE = /^(?:f|m|r|routed_experts): [^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]{3,1500}$/u;
const HINT = /; |expected |: .*: /;

/**
 * What a reader gives; undefined where it refuses the file, in one line of bounded length that names the file and says
 * what would be right. Any other error is a fault.
 */
export function taken<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message).toMatch(LINE);
    expect(error.message).toMatch(HINT);
    return undefined;
  }
}

/** Numbers and other values of all that can be reached; what is shared counts once. */
export function size(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value !== "object" || value === null || seen.has(value)) return 1;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return (value as Uint8Array).length + 1;
  const parts: readonly unknown[] = value instanceof Map ? [...value].flat() : Object.values(value);
  return parts.reduce<number>((sum, part) => sum + size(part, seen), 1);
}

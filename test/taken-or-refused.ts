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

import { oneLine } from "../lib/printable.ts";

/** What was found of one thing the gateway depends on. */
export interface Finding {
  readonly pool: string;
  /** A server, a shard, or what stands for it. */
  readonly what: string;
  readonly reachable: boolean;
  /** What the gateway can do without, and will; null when nothing is lacking. */
  readonly warning: string | null;
  /** One line. */
  readonly finding: string;
}

/** @param finding may repeat what an engine or a store said */
export function found(pool: string, what: string, finding: string): Finding {
  return { pool, what, reachable: true, warning: null, finding: oneLine(finding, MOST_LETTERS) };
}

export function missed(pool: string, what: string, finding: string): Finding {
  return { ...found(pool, what, finding), reachable: false };
}

export function warned(of: Finding, warning: string): Finding {
  return { ...of, warning: oneLine(warning, MOST_LETTERS) };
}

const MOST_LETTERS = 600;

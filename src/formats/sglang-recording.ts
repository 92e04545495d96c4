import { InputError } from "../lib/errors.ts";
import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import type { RecorderDump } from "./sglang-recorder.ts";

/** One file of a recording. */
export interface NamedDump {
  readonly source: string;
  readonly dump: RecorderDump;
}

/**
 * The load of a recording: the sum of its files. Each dump of the modes stat and stat_approx is a window of its own, of
 * all ranks; those of per_pass and per_token are a rank's each, which counts its own tokens, or its own experts'.
 * @param dumps at least one
 * @throws InputError for files that cannot be of one recording, or where a rank's are missing
 */
export function joinDumps(dumps: readonly NamedDump[], source: string): ExpertLoad {
  const [first] = dumps;
  const { layers, experts } = first.dump.load;
  const sum = emptyLoad(layers, experts);
  const passes = new Map<string, string>();
  const ranks = new Set<number>();
  for (const { source: file, dump } of dumps) {
    const { load } = dump;
    if (load.layers !== layers || load.experts !== experts) {
      const has = `has ${load.layers} layers of ${load.experts} experts`;
      throw new InputError(file, "", `${has}; expected ${layers} of ${experts} as ${first.source} has`);
    }
    if ((dump.ranks === null) !== (first.dump.ranks === null)) {
      const hint = `is of another mode than ${first.source}; keep one recording in a folder`;
      throw new InputError(file, "", hint);
    }
    for (const pass of dump.passes) {
      const other = passes.get(pass);
      if (other !== undefined) {
        throw new InputError(file, pass, `is in ${other} too; keep one recording in a folder`);
      }
      passes.set(pass, file);
    }
    for (const rank of dump.ranks ?? []) ranks.add(rank);
    for (let i = 0; i < sum.tokens.length; i++) sum.tokens[i] += load.tokens[i];
  }
  if (dumps.length > 1) checkRanks(ranks, source);
  return sum;
}

/** Every rank up to the last wrote a file. */
function checkRanks(ranks: ReadonlySet<number>, source: string): void {
  for (let rank = 0, last = Math.max(...ranks); rank < last; rank++) {
    if (ranks.has(rank)) continue;
    throw new InputError(
      source,
      "",
      `has no file of rank ${rank}, but one of rank ${last}; copy every rank's`,
    );
  }
}

import {
  type Shape,
  demand,
  list,
  nullOr,
  number,
  readJson,
  record,
  text,
  whole,
  writeJson,
} from "../../lib/shape.ts";
import type { SharedGroups } from "../locality/group-learning.ts";

/** Mixes are float16, little-endian, in base64: 44 kB for eight pools of DeepSeek-V3. */
interface Stored {
  readonly pools: readonly { readonly pool: string; readonly tokens: number; readonly mix: string }[];
  readonly all: { readonly tokens: number; readonly mix: string };
  readonly requests: number;
}

const tokens = number(0);
const stored: Shape<Stored> = record<Stored>({
  pools: list(record({ pool: text, tokens, mix: text })),
  all: record({ tokens, mix: text }),
  requests: whole(1),
});

/** The groups of a model's requests, as their learner publishes them. */
export function encodeGroups({ pools, groups }: SharedGroups): Uint8Array {
  const { mixes, tokens: own, all, allTokens, requests } = groups;
  return writeJson({
    pools: pools.map((pool, i) => ({ pool, tokens: own[i], mix: mixText(mixes[i]) })),
    all: { tokens: allTokens, mix: mixText(all) },
    requests,
  });
}

/** @throws Unreadable */
export function decodeGroups(bytes: Uint8Array): SharedGroups {
  const { pools, all, requests } = readJson(bytes, stored);
  const whose = mixOf(all.mix);
  const mixes = pools.map(({ mix }) => mixOf(mix));
  demand(
    mixes.every(({ length }) => length === whose.length),
    "a mix is not of as many experts as the others",
  );
  return {
    pools: pools.map(({ pool }) => pool),
    groups: {
      mixes,
      tokens: Float64Array.from(pools, (pool) => pool.tokens),
      all: whose,
      allTokens: all.tokens,
      requests,
    },
  };
}

/** A request whose experts an answer has named, as its gateway leaves it for the learner. */
export interface StoredSample {
  /** Where it is with its like; null where that is not so, or not known. */
  readonly pool: string | null;
  /** In and out. */
  readonly tokens: number;
  /** That its mix was learned from. */
  readonly seen: number;
  readonly mix: Float32Array;
}

interface StoredSamples {
  readonly samples: readonly (Omit<StoredSample, "mix"> & { readonly mix: string })[];
}

const samples: Shape<StoredSamples> = record<StoredSamples>({
  samples: list(
    record({
      pool: nullOr(text),
      tokens,
      seen: number(1),
      mix: text,
    }),
  ),
});

export function encodeSamples(some: readonly StoredSample[]): Uint8Array {
  return writeJson({ samples: some.map((one) => ({ ...one, mix: mixText(one.mix) })) });
}

/** @throws Unreadable */
export function decodeSamples(bytes: Uint8Array): StoredSample[] {
  return readJson(bytes, samples).samples.map((one) => ({ ...one, mix: mixOf(one.mix) }));
}

function mixText(mix: Float32Array): string {
  return Buffer.from(Float16Array.from(mix).buffer).toString("base64");
}

/** Chances 0..1, which share nothing with what they are read from. */
function mixOf(mix: string): Float32Array {
  const bytes = Buffer.from(mix, "base64");
  demand(bytes.length > 0 && bytes.length % 2 === 0, "a mix is cut short");
  // Halves want an aligned beginning.
  const chances = Float32Array.from(new Float16Array(new Uint8Array(bytes).buffer));
  demand(
    chances.every((chance) => chance >= 0 && chance <= 1),
    "a chance is not in 0..1",
  );
  return chances;
}

import type { Attention } from "../../model/attention.ts";
import { type Place, faultAt, fieldName, inside } from "../place.ts";
import { readLayerNumbers } from "./layer-numbers.ts";
import type { WrittenAttention } from "./model-schema.ts";

type Kind = Attention["kind"];
type Field = keyof WrittenAttention;

interface KindFields {
  /** What it cannot do without. */
  readonly needs: readonly Field[];
  readonly may: readonly Field[];
}

const KINDS: Readonly<Record<Kind, KindFields>> = {
  mla: {
    needs: ["heads", "qLoraRank", "kvLoraRank", "nopeHeadDim", "ropeHeadDim", "vHeadDim"],
    may: ["indexer"],
  },
  gqa: { needs: ["heads", "kvHeads", "headDim"], may: ["vHeadDim", "window", "outputGate"] },
  linear: { needs: ["keyHeads", "keyHeadDim", "valueHeads", "valueHeadDim"], may: ["convKernel"] },
};

const EVERY: readonly Field[] = ["kind", "layers"];
/** Of Mamba-2 and gated delta networks alike. */
const CONV_KERNEL = 4;

/**
 * The attention of a model's layers.
 * @param written one record for all layers, or several of which one at most names no layers: it has all others
 * @param count   layers there are, those for multi-token prediction too
 * @throws InputError
 */
export function readAttention(
  written: WrittenAttention | readonly WrittenAttention[],
  count: number,
  place: Place,
): readonly Attention[] {
  const records = Array.isArray(written)
    ? (written as readonly WrittenAttention[])
    : [written as WrittenAttention];
  const placeOf = (i: number) => (Array.isArray(written) ? inside(place, i) : place);
  const ownerOf = new Map<number, number>();
  const named = records.map(({ layers }, i) => {
    if (layers === undefined) return null;
    const at = inside(placeOf(i), "layers");
    const numbers = readLayerNumbers(layers, count, at);
    for (const layer of numbers) {
      const owner = ownerOf.get(layer);
      if (owner !== undefined) {
        throw faultAt(
          at,
          `names layer ${layer}, as ${fieldName(placeOf(owner).field)} does; expected it in one`,
        );
      }
      ownerOf.set(layer, i);
    }
    return numbers;
  });
  const open = named.flatMap((layers, i) => (layers === null ? [i] : []));
  if (open.length > 1) {
    const hint = `is missing, as in ${fieldName(placeOf(open[0]).field)}; expected one record at most without layers`;
    throw faultAt(inside(placeOf(open[1]), "layers"), hint);
  }
  const others = Array.from({ length: count }, (_, layer) => layer).filter((layer) => !ownerOf.has(layer));
  return records
    .map((record, i) => attentionOf(record, named[i] ?? others, placeOf(i)))
    .filter(({ layers }) => layers.length > 0);
}

function attentionOf(written: WrittenAttention, layers: readonly number[], place: Place): Attention {
  const kind = kindOf(written, place);
  checkFields(written, kind, place);
  if (kind === "mla") {
    const { heads, qLoraRank, kvLoraRank, nopeHeadDim, ropeHeadDim, vHeadDim } = whole(written);
    const { indexer = null } = written;
    return { kind, layers, heads, qLoraRank, kvLoraRank, nopeHeadDim, ropeHeadDim, vHeadDim, indexer };
  }
  if (kind === "gqa") {
    const { heads, kvHeads, headDim } = whole(written);
    const { vHeadDim = headDim, window = null, outputGate = false } = written;
    if (heads % kvHeads !== 0) {
      const hint = `is ${kvHeads}; expected a divisor of the ${heads} heads`;
      throw faultAt(inside(place, "kvHeads"), hint);
    }
    return { kind, layers, heads, kvHeads, headDim, vHeadDim, window, outputGate };
  }
  const { keyHeads, keyHeadDim, valueHeads, valueHeadDim } = whole(written);
  const { convKernel = CONV_KERNEL } = written;
  return { kind, layers, keyHeads, keyHeadDim, valueHeads, valueHeadDim, convKernel };
}

/** By its name, or by the field that only one kind has. */
function kindOf(written: WrittenAttention, place: Place): Kind {
  const { kind } = written;
  if (kind === "sliding") {
    if (written.window === undefined || written.window === null)
      throw faultAt(inside(place, "window"), "is missing; expected the tokens that sliding attention sees");
    return "gqa";
  }
  if (kind !== undefined) return kind;
  if (written.kvLoraRank !== undefined) return "mla";
  if (written.kvHeads !== undefined) return "gqa";
  if (written.keyHeads !== undefined || written.valueHeads !== undefined) return "linear";
  throw faultAt(
    place,
    "is of no known kind; expected kvLoraRank (MLA), kvHeads (grouped-query) or keyHeads and valueHeads (linear)",
  );
}

function checkFields(written: WrittenAttention, kind: Kind, place: Place): void {
  const { needs, may } = KINDS[kind];
  for (const field of Object.keys(written) as Field[]) {
    if (written[field] === undefined || [...EVERY, ...needs, ...may].includes(field)) continue;
    throw faultAt(inside(place, field), `is not for ${kind} attention; remove it, or write another kind`);
  }
  for (const field of needs) {
    if (written[field] === undefined)
      throw faultAt(inside(place, field), `is missing; expected a number, for ${kind} attention`);
  }
}

type Whole = { readonly [F in Field]-?: NonNullable<WrittenAttention[F]> };

/** Checked before. */
function whole(written: WrittenAttention): Whole {
  return written as Whole;
}

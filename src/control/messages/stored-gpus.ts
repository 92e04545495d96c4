import { type Shape, demand, record, writeJson } from "../../lib/shape.ts";
import { WholeWriter } from "../../lib/whole-bytes.ts";
import { type Filling, type HeldExpert, fillingNumbers } from "../history/filling.ts";
import { PART_S } from "../history/gpu-parts.ts";
import { GPU_MOSTS, GPU_ROW_S, GPU_SUMS, type GpuRow } from "../history/gpu-row.ts";
import {
  type RowsHead,
  headed,
  readHeaded,
  readRows,
  rowsHead,
  withoutEnd,
  writeCounts,
  writeRows,
} from "./stored-rows.ts";

const MOST_GPUS = 4096;
const NUMBERS = ["spanMs", "even", "rankWindows"] as const;
const LISTS = [...GPU_SUMS, ...GPU_MOSTS, "fullest"] as const;
/** Parts of `even` in which sums are written: nearly all take a byte. */
const PARTS = { load: 100, held: 10_000 } as const;
const MOST_PARTS = MOST_GPUS * 10_000;
const EXPERT_NUMBERS = 4;

const heads: Shape<{ rows: RowsHead }> = record({ rows: rowsHead });

/**
 * A part of the past of a pool's GPUs: a head that names what rows say, then rows (`stored-rows.ts`). What each GPU had is
 * written to a hundredth of an even load, what steps waited for it to a ten-thousandth of an even step.
 */
export function encodeGpus(rows: readonly GpuRow[]): Uint8Array {
  const writer = new WholeWriter();
  writeRows(writer, rows, (row) => {
    for (const name of NUMBERS) writer.write(row[name]);
    for (const name of GPU_SUMS) writeCounts(writer, inParts(row[name], row.even, PARTS[name]));
    for (const name of GPU_MOSTS) writeCounts(writer, row[name]);
    writeCounts(writer, row.fullest.flatMap(fillingNumbers));
  });
  return headed(writeJson({ rows: { rows: rows.length, numbers: NUMBERS, counts: LISTS } }), writer);
}

/** @throws Unreadable */
export function decodeGpus(bytes: Uint8Array): readonly GpuRow[] {
  const { head, reader } = readHeaded(bytes, heads);
  demand(head.rows.rows <= PART_S / GPU_ROW_S, "it has too many rows");
  const rows = readRows(reader, head.rows, NUMBERS, LISTS, MOST_GPUS);
  reader.end();
  return rows.map((row) => {
    const { load, held, fullest, ...rest } = row as unknown as Record<(typeof LISTS)[number], number[]> &
      Omit<GpuRow, "fullest">;
    const whole = (name: keyof typeof PARTS, parts: readonly number[]) => {
      demand(!parts.some((part) => part > MOST_PARTS), "a GPU has more than all have");
      return withoutEnd(parts.map((part) => Math.round((part * rest.even) / PARTS[name])));
    };
    return {
      ...rest,
      load: whole("load", load),
      held: whole("held", held),
      fullest: fillingsIn(fullest),
    };
  });
}

function inParts(values: readonly number[], even: number, parts: number): readonly number[] {
  return values.map((value) => (even > 0 ? Math.round((value * parts) / even) : 0));
}

/** @throws Unreadable */
function fillingsIn(numbers: readonly number[]): readonly Filling[] {
  const fillings: Filling[] = [];
  for (let at = 0; at < numbers.length; ) {
    const [held, gpu, length] = numbers.slice(at, at + 3);
    at += 3;
    const whole = length > 0 && at + EXPERT_NUMBERS * length <= numbers.length;
    demand(whole, "what fills a GPU is cut short");
    const experts: HeldExpert[] = [];
    for (const end = at + EXPERT_NUMBERS * length; at < end; at += EXPERT_NUMBERS) {
      const [layer, expert, load, share] = numbers.slice(at, at + EXPERT_NUMBERS);
      demand(share > 0, "an expert has no share");
      experts.push({ layer, expert, load, share });
    }
    fillings.push({ held, gpu, experts });
  }
  return fillings;
}

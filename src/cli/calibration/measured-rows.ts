import { type CsvRecord, readCsvRecords } from "../../formats/csv-records.ts";
import { InputError } from "../../lib/errors.ts";
import type { ServingPrecision } from "../../model/serving-precision.ts";
import { type ServingPoint, type Workers, familyOf } from "../../twin/calibration/serving-point.ts";
import { Catalogue } from "./known-hardware.ts";

/** A row of a table of measured points: what was run, and what is known of how it went. */
export interface MeasuredRow {
  readonly id: string;
  readonly model: string;
  readonly system: string;
  readonly point: ServingPoint;
  /** What the row does not say and was taken for granted, in words. */
  readonly assumed: readonly string[];
  /** Null where the row does not say. */
  readonly ttftMs: number | null;
  readonly tpotMs: number | null;
  readonly outTokSGpu: number | null;
  /** Rows of one group are close to each other: a split must not part them. */
  readonly group: string;
  readonly queued: boolean;
}

/** Above this no count or length is meant. */
const MOST = 1e7;
const PRECISIONS: Readonly<Record<string, ServingPrecision>> = {
  fp8: "fp8",
  int8: "fp8",
  fp4: "fp4",
  nvfp4: "fp4",
  mxfp4: "fp4",
  int4: "int4",
  bf16: "bf16",
  fp16: "bf16",
};
/** Tokens, where a row does not say. */
const LENGTH = 1024;

/**
 * Reads a table of serving points (CSV; docs/calibration.md has the columns).
 * @throws InputError naming the line at fault
 */
export function readMeasuredRows(text: string, source: string, catalogue: Catalogue): MeasuredRow[] {
  const records = readCsvRecords(text, source);
  if (records.length === 0)
    throw new InputError(source, "", "holds no rows; expected one line for each measured point");
  return records.map((record) => new RowReader(record, source, catalogue).read());
}

class RowReader {
  readonly #record: CsvRecord;
  readonly #source: string;
  readonly #catalogue: Catalogue;
  readonly #assumed: string[] = [];

  constructor(record: CsvRecord, source: string, catalogue: Catalogue) {
    this.#record = record;
    this.#source = source;
    this.#catalogue = catalogue;
  }

  read(): MeasuredRow {
    const record = this.#record;
    const model = this.#catalogue.model(this.#text("model"));
    if (model === null) {
      const hint = `is ${JSON.stringify(record.cell("model"))}; expected a model's name (plimsoll models lists them)`;
      throw this.#fault("model", hint);
    }
    if (!Catalogue.isNamed(record.cell("model"), model)) this.#assume("model", model.name);
    const gpu = this.#catalogue.gpu(this.#text("system"));
    if (gpu === null) {
      const hint = `is ${JSON.stringify(record.cell("system"))}; expected one of ${this.#catalogue.gpuNames.join(", ")}`;
      throw this.#fault("system", hint);
    }
    const apart = record.cell("mode") === "" ? this.#count("prefill_workers") !== null : this.#apart();
    const prefill = apart ? this.#workers("prefill_", this.#count("prefill_workers") ?? 1) : null;
    const decode = apart ? this.#workers("decode_", this.#count("decode_workers") ?? 1) : this.#alone();
    const used = [prefill, decode].reduce((sum, w) => sum + (w === null ? 0 : w.count * w.tp * w.dp), 0);
    const point: ServingPoint = {
      model,
      family: familyOf(model),
      gpu,
      backend: backendOf(record.cell("backend")) || this.#assume("backend", "vllm"),
      version: record.cell("version"),
      precision: this.#precision(),
      isl: this.#count("isl") ?? this.#assume("isl", LENGTH),
      osl: this.#count("osl") ?? this.#assume("osl", LENGTH),
      lengthRatio: this.#ratio(),
      concurrency: this.#count("concurrency") ?? this.#assume("concurrency", 1),
      gpus: this.#count("gpus") ?? used,
      prefill,
      decode,
    };
    return {
      id: record.cell("id") || `line ${record.line}`,
      model: record.cell("model"),
      system: record.cell("system"),
      point,
      assumed: this.#assumed,
      ttftMs: this.#positive("ttft_ms"),
      tpotMs: this.#positive("tpot_ms"),
      outTokSGpu: this.#positive("out_tok_s_gpu"),
      group: record.cell("split_group") || record.cell("config_id"),
      queued: record.cell("queued") === "1",
    };
  }

  #apart(): boolean {
    const mode = this.#record.cell("mode").toLowerCase();
    if (!/^(agg|disagg)/.test(mode))
      throw this.#fault("mode", `is ${JSON.stringify(mode)}; expected agg or disagg`);
    return mode.startsWith("disagg");
  }

  /** GPUs that are left over make more engines alike. */
  #alone(): Workers {
    const gpus = this.#count("gpus");
    const shape = this.#workers("", 1, gpus ?? undefined);
    return { ...shape, count: Math.max(1, Math.floor((gpus ?? 1) / (shape.tp * shape.dp))) };
  }

  #workers(prefix: string, count: number, gpus?: number): Workers {
    const dp = this.#count(`${prefix}dp`) ?? 1;
    const ep = this.#count(`${prefix}ep`);
    const moeTp = this.#count(`${prefix}moe_tp`);
    const tp =
      this.#count(`${prefix}tp`) ??
      this.#assume(
        `${prefix}tp`,
        Math.max(
          1,
          Math.round((ep ?? 1) * (moeTp ?? 1) > 1 ? ((ep ?? 1) * (moeTp ?? 1)) / dp : (gpus ?? dp) / dp),
        ),
      );
    const all = tp * dp;
    const experts = ep ?? Math.max(1, Math.round(all / (moeTp ?? all)));
    return { count, tp, dp, ep: experts, moeTp: moeTp ?? Math.max(1, Math.round(all / experts)) };
  }

  #precision(): ServingPrecision {
    const written = this.#record.cell("precision").toLowerCase();
    if (written === "") return this.#assume("precision", "fp8");
    const precision = PRECISIONS[written];
    if (precision === undefined) {
      const known = Object.keys(PRECISIONS).join(", ");
      throw this.#fault("precision", `is ${JSON.stringify(written)}; expected one of ${known}`);
    }
    return precision;
  }

  #ratio(): number {
    const ratio = this.#positive("len_ratio") ?? 1;
    if (ratio > 1) throw this.#fault("len_ratio", `is ${ratio}; expected a number in (0, 1]`);
    return ratio;
  }

  #assume<T>(name: string, value: T): T {
    this.#assumed.push(`${name} ${String(value)}`);
    return value;
  }

  #text(name: string): string {
    const text = this.#record.cell(name);
    if (text === "") throw this.#fault(name, "is missing; expected it in every row");
    return text;
  }

  #count(name: string): number | null {
    const value = this.#positive(name);
    if (value === null) return null;
    if (!Number.isInteger(value) || value > MOST)
      throw this.#fault(name, `is ${value}; expected an integer in 1..${MOST}`);
    return value;
  }

  #positive(name: string): number | null {
    const text = this.#record.cell(name);
    if (text === "" || text.toLowerCase() === "nan") return null;
    const value = Number(text);
    if (!Number.isFinite(value) || value <= 0)
      throw this.#fault(name, `is ${JSON.stringify(text)}; expected a number above 0`);
    return value;
  }

  #fault(field: string, hint: string): InputError {
    return new InputError(this.#source, `line ${this.#record.line}: ${field}`, hint);
  }
}

function backendOf(written: string): string {
  const word = written.toLowerCase().replaceAll(/[^a-z]/g, "");
  return word.startsWith("tensorrt") ? "trtllm" : word;
}

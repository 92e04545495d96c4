import { oneLine } from "../../lib/printable.ts";
import { InputError } from "../../lib/errors.ts";
import { CsvColumns, tokenCell } from "./csv-columns.ts";
import { type RowReader, TimeError, TimeOrder, type TraceRow } from "./row-reader.ts";

/** Columns of the Azure inference traces: github.com/Azure/AzurePublicDataset, AzureLLMInferenceDataset2023.md, …2024.md. */
export const AZURE_COLUMNS = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
/** Also in that of multimodal models (AzureLMMInferenceDataset2025.md). */
const IMAGES = "NumImages";

const MINUTE = /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[ T]([01]\d|2[0-3]):([0-5]\d):$/;
const SECOND = /^([0-5]\d)(?:\.(\d{1,9}))?(?:Z| ?UTC| ?([+-])([01]\d):?([0-5]\d)?)?$/;
const MINUTE_LETTERS = "2023-11-16 18:15:".length;

/**
 * Azure's traces: CSV, one request a line, timestamps with up to 7 fractional digits (UTC, unless they name a zone). A
 * field may stand in quotes.
 * Requests of the multimodal trace are of the class `multimodal` or `text`; their images are not sent.
 * Times are ms since 1 March 2000 (UTC).
 */
export class AzureRows implements RowReader {
  readonly widestTickMs = 0;
  readonly timeUnit = null;
  readonly leftOut = new Map<string, number>();
  readonly #source: string;
  readonly #columns: CsvColumns;
  readonly #places: readonly number[];
  readonly #images: number;
  readonly #order: TimeOrder;
  /** As the last row has it, and its seconds since 1 March 2000: most rows are of the same minute as the one before. */
  #minute = "";
  #minuteSeconds = 0;

  /** @throws InputError where a column is missing */
  constructor(header: string, source: string) {
    this.#source = source;
    this.#columns = new CsvColumns(header, source);
    this.#places = AZURE_COLUMNS.map((name) => this.#columns.place(name));
    this.#images = this.#columns.placeIfAny(IMAGES);
    this.#order = new TimeOrder(source);
  }

  read(text: string, where: string): readonly TraceRow[] {
    const source = this.#source;
    const cells = this.#columns.cells(text, where);
    const [timestamp, context, generated] = this.#places.map((place) => cells[place]);
    const arrivalMs = this.#time(timestamp, where);
    const field = `${where} TIMESTAMP`;
    this.#order.take(
      arrivalMs,
      field,
      () => `is '${timestamp}', earlier than the line before; sort the rows by time`,
    );
    const request = {
      arrivalMs,
      inputTokens: tokenCell(context, source, `${where} ContextTokens`),
      outputTokens: tokenCell(generated, source, `${where} GeneratedTokens`),
    };
    if (this.#images < 0) return [request];
    return [{ ...request, trafficClass: Number(cells[this.#images]) > 0 ? "multimodal" : "text" }];
  }

  #time(text: string, where: string): number {
    const minute = text.slice(0, MINUTE_LETTERS);
    const second = SECOND.exec(text.slice(MINUTE_LETTERS));
    const known = second !== null && (minute === this.#minute || this.#takeMinute(minute));
    if (known)
      return (
        (this.#minuteSeconds + Number(second[1]) - zoneSeconds(second)) * 1000 +
        Number(`0.${second[2] ?? 0}`) * 1000
      );
    if (text !== text.trim()) return this.#time(text.trim(), where);
    const hint = `is '${oneLine(text, 40)}'; expected e.g. 2023-11-16 18:15:46.6805900`;
    if (text.trim() === "") throw new TimeError(this.#source, `${where} TIMESTAMP`, hint);
    throw new InputError(this.#source, `${where} TIMESTAMP`, hint);
  }

  #takeMinute(text: string): boolean {
    const parts = MINUTE.exec(text);
    if (parts === null) return false;
    const [year, month, day, hour, minute] = parts.slice(1).map(Number);
    this.#minute = text;
    this.#minuteSeconds = ((daysSinceMarch2000(year, month, day) * 24 + hour) * 60 + minute) * 60;
    return true;
  }
}

/** East of Greenwich, as `SECOND` has found it. */
function zoneSeconds([, , , sign, hours = "0", minutes = "0"]: RegExpExecArray): number {
  if (sign === undefined) return 0;
  return (sign === "-" ? -60 : 60) * (Number(hours) * 60 + Number(minutes));
}

/** Days of the Gregorian calendar since 1 March 2000; counting years from March puts the leap day last. */
function daysSinceMarch2000(year: number, month: number, day: number): number {
  const y = (month > 2 ? year : year - 1) - 2000;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return 365 * y + leapDays + Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
}

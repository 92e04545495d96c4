import { InputError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/printable.ts";
import { RecentMap } from "../../lib/recent-map.ts";
import { CsvColumns, tokenCell } from "./csv-columns.ts";
import { type RowReader, TimeError, TimeOrder, type TraceRow } from "./row-reader.ts";
import { MOST_SESSIONS } from "./sessions.ts";
import { SECONDS } from "./time-doubt.ts";

/** Columns of BurstGPT: github.com/HPMLL/BurstGPT, README, "Schema". */
export const BURSTGPT_COLUMNS = ["Timestamp", "Request tokens", "Response tokens"];
/** Seconds are whole in most of its files. */
const TICK_MS = 1000;
const FAILED = "had failed when they were recorded (0 response tokens)";

interface Session {
  readonly turn: number;
  /** When its last answer ended, in the trace; NaN where that is not said. */
  readonly endedMs: number;
}

/**
 * BurstGPT's traces: CSV of `Timestamp` (s), `Model`, `Request tokens`, `Response tokens`, `Total tokens` and `Log Type`,
 * since version 2 also `Session ID` and `Elapsed time` (s, how long the answer took). Requests without response tokens
 * had failed, as the README says; they are left out. The log type is the traffic's class. A turn's think time is what
 * lay between the answer before it and its arrival.
 */
export class BurstgptRows implements RowReader {
  readonly widestTickMs = TICK_MS;
  readonly timeUnit = SECONDS;
  readonly leftOut = new Map<string, number>();
  readonly #source: string;
  readonly #columns: CsvColumns;
  readonly #places: readonly number[];
  readonly #optional: Readonly<Record<"model" | "type" | "session" | "elapsed", number>>;
  readonly #order: TimeOrder;
  readonly #sessions = new RecentMap<string, Session>(MOST_SESSIONS);

  /** @throws InputError where a column is missing */
  constructor(header: string, source: string) {
    this.#source = source;
    const columns = new CsvColumns(header, source);
    this.#columns = columns;
    this.#places = BURSTGPT_COLUMNS.map((name) => columns.place(name));
    this.#optional = {
      model: columns.placeIfAny("Model"),
      type: columns.placeIfAny("Log Type"),
      session: columns.placeIfAny("Session ID"),
      elapsed: columns.placeIfAny("Elapsed time"),
    };
    this.#order = new TimeOrder(source);
  }

  read(text: string, where: string): readonly TraceRow[] {
    if (text.trim() === "") return [];
    const source = this.#source;
    const cells = this.#columns.cells(text, where);
    const [timestamp, request, response] = this.#places.map((place) => cells[place].trim());
    const arrivalMs = secondsCell(timestamp, source, `${where} Timestamp`) * 1000;
    this.#order.take(
      arrivalMs,
      `${where} Timestamp`,
      () => `is '${timestamp}', earlier than the line before; sort the rows by time`,
    );
    if (/^0+(?:\.0+)?$/.test(response)) {
      this.leftOut.set(FAILED, (this.leftOut.get(FAILED) ?? 0) + 1);
      return [];
    }
    const said = (place: number) => cells[place]?.trim() ?? "";
    const { model, type, session, elapsed } = this.#optional;
    return [
      {
        arrivalMs,
        inputTokens: tokenCell(request, source, `${where} Request tokens`),
        outputTokens: tokenCell(response, source, `${where} Response tokens`),
        ...this.#turn(said(session), arrivalMs, said(elapsed)),
        ...(said(type) === "" ? {} : { trafficClass: said(type) }),
        ...(said(model) === "" ? {} : { model: said(model) }),
      },
    ];
  }

  #turn(session: string, arrivalMs: number, elapsed: string): Pick<TraceRow, "session" | "turn" | "thinkMs"> {
    if (session === "") return {};
    const before = this.#sessions.get(session);
    const turn = (before?.turn ?? 0) + 1;
    const endedMs = /^\d+(?:\.\d+)?$/.test(elapsed) ? arrivalMs + Number(elapsed) * 1000 : Number.NaN;
    this.#sessions.set(session, { turn, endedMs });
    const thinkMs = arrivalMs - (before?.endedMs ?? Number.NaN);
    return { session, turn, ...(thinkMs > 0 ? { thinkMs } : {}) };
  }
}

function secondsCell(cell: string, source: string, field: string): number {
  const seconds = cell === "" ? Number.NaN : Number(cell);
  const hint = `is '${oneLine(cell, 40)}'; expected seconds ≥ 0`;
  if (cell === "" || seconds < 0) throw new TimeError(source, field, hint);
  if (seconds <= Number.MAX_SAFE_INTEGER / 1000) return seconds;
  throw new InputError(source, field, hint);
}

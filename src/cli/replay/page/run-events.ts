import { decimals } from "../../../lib/number-text.ts";
import { numberIn, textIn } from "../../../replay/report/report-value.ts";
import type { ReplayReport } from "../../../replay/report/report.ts";
import type { Mark } from "../../../report/html/chart.ts";
import type { FigureTable } from "../../../report/html/figure-table.ts";

/** What happened to the server during a run, as lines of its charts, numbered as in the table. */
export function eventMarks(report: ReplayReport): Mark[] {
  return eventsOf(report).map((event, i) => {
    return { x: (numberIn(event, "done_at_s") ?? 0) * 1000, label: `${i + 1}` };
  });
}

/** The same as a table; null where nothing happened. */
export function eventTable(report: ReplayReport): FigureTable | null {
  const events = eventsOf(report);
  if (events.length === 0) return null;
  return {
    caption: "What happened to the server",
    columns: ["", "At", "Event", "Pool", "Outcome"],
    rows: events.map((event, i) => ({
      header: `${i + 1}`,
      cells: [
        `${decimals(numberIn(event, "done_at_s"), 1)} s`,
        textIn(event, "event"),
        textIn(event, "pool"),
        textIn(event, "error") || "done",
      ],
    })),
    words: true,
  };
}

function eventsOf(report: ReplayReport): readonly ReplayReport[] {
  return (report["events"] ?? []) as readonly ReplayReport[];
}

import { decimals } from "../../lib/number-text.ts";
import type { PolicyLog } from "../policy-log.ts";
import { tableHtml } from "./figure-table.ts";

/** Events a person reads; all are in trace.json. */
const MOST_ROWS = 60;

/** What happened in a pool, policy by policy, but for new shares, which are many. */
export function eventsHtml(logs: readonly PolicyLog[], pool: string): string {
  const all = logs.flatMap((log) =>
    log.events
      .filter((event) => event.pool === pool && event.kind !== "shares")
      .map((event) => ({ ...event, title: log.policy.title })),
  );
  if (all.length === 0) return "";
  const inOrder = all.toSorted((a, b) => a.atMs - b.atMs);
  const table = tableHtml({
    caption: "Events in the order of time",
    columns: ["Second", "Policy", "What"],
    rows: inOrder.slice(0, MOST_ROWS).map(({ atMs, title, kind, text }) => ({
      header: decimals(atMs / 1000, 1),
      cells: [title, `${kind.replace("-", " ")}: ${text}`],
    })),
    words: true,
  });
  const more = all.length - MOST_ROWS;
  const rest = more > 0 ? `<p>${decimals(more, 0)} more are in <code>trace.json</code>.</p>` : "";
  return `<details class="panel"><summary>${decimals(all.length, 0)} events: placements and what happened to the pool</summary>${table}${rest}</details>`;
}

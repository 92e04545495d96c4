import { time, whole } from "../format.ts";
import type { HistoryRow } from "./history-row.ts";

interface Properties {
  readonly at: number;
  /** Null where nothing is kept of it. */
  readonly row: HistoryRow | null;
  readonly back: () => void;
}

/** Says which moment is shown, and how the pool was then. */
export function PastNotice({ at, row, back }: Properties) {
  return (
    <p class="past-notice" role="status">
      <strong>
        {new Date(at).toLocaleDateString("en-GB", { dateStyle: "medium" })}, {time(at)}.
      </strong>{" "}
      {row === null ? "Nothing is kept of this moment." : thenText(row)}{" "}
      <button type="button" onClick={back}>
        Back to now
      </button>
    </p>
  );
}

/** @returns one sentence, or none */
function thenText({ seconds, epoch, lostRanks, missingExperts }: HistoryRow): string {
  if (epoch === null || lostRanks === null || missingExperts === null) return "";
  const length = seconds === 1 ? "This second" : `These ${seconds} seconds`;
  const lost =
    lostRanks === 0 ? "no rank was lost" : `${lostRanks} ${lostRanks === 1 ? "rank was" : "ranks were"} lost`;
  const missing =
    missingExperts === 0
      ? "every expert had a replica"
      : `${whole(missingExperts)} ${missingExperts === 1 ? "expert had" : "experts had"} no replica`;
  return `${length}, in epoch ${epoch}: ${lost}, and ${missing}.`;
}

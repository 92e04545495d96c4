import { time } from "../format.ts";
import type { Connection } from "../live/state.ts";

interface Properties {
  readonly connection: Connection;
  readonly receivedAtMs: number | null;
  /** Of the gateway's clock. */
  readonly aheadMs: number;
}

/** Says that the figures are old, and since when. */
export function ConnectionNotice({ connection, receivedAtMs, aheadMs }: Properties) {
  const what =
    connection === "lost"
      ? receivedAtMs === null
        ? "The gateway does not answer; trying again every two seconds."
        : "Connection to the gateway lost; trying again every two seconds."
      : "The gateway is connected but has sent nothing for five seconds.";
  return (
    <p class="notice" role="alert">
      <strong>{what}</strong>{" "}
      {receivedAtMs === null
        ? "Nothing has been received yet."
        : `Last received at ${time(receivedAtMs + aheadMs)}.`}
    </p>
  );
}

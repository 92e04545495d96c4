import { type RequestRecord, tpotMs } from "../request-record.ts";

/** What a request must hold to count as good, in milliseconds; null for no matter. */
export interface GoodputTargets {
  readonly ttftMs: number | null;
  readonly tpotMs: number | null;
  readonly e2eMs: number | null;
}

/** @param record of a completed request; without a TPOT it holds any, as in `vllm bench serve` */
export function isGood(record: RequestRecord, { ttftMs, tpotMs: perToken, e2eMs }: GoodputTargets): boolean {
  return (
    (ttftMs === null || (record.ttftMs !== null && record.ttftMs <= ttftMs)) &&
    (perToken === null || (tpotMs(record) ?? 0) <= perToken) &&
    (e2eMs === null || record.e2eMs <= e2eMs)
  );
}

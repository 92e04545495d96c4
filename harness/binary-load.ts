/** A load report in bytes, as a sidecar writes it (src/control/ingest/load-report.ts has the layout). */
export function binaryLoad(
  report: {
    readonly rank: number;
    readonly window: number;
    readonly incarnation: number | null;
    readonly windowMs: number;
    /** `source` where it is absent. */
    readonly counted?: "source" | "received";
    readonly counts: Uint32Array;
  },
  layers: number,
  experts: number,
): Uint8Array {
  const bytes = new Uint8Array(48 + report.counts.byteLength);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("EPLD"));
  view.setUint16(4, 1, true);
  view.setUint16(6, report.counted === "received" ? 1 : 0, true);
  view.setInt32(8, report.rank, true);
  view.setUint32(12, layers, true);
  view.setUint32(16, experts, true);
  view.setBigUint64(24, BigInt(report.window), true);
  view.setBigUint64(32, BigInt(report.incarnation ?? 0), true);
  view.setFloat64(40, report.windowMs, true);
  for (const [i, count] of report.counts.entries()) view.setUint32(48 + 4 * i, count, true);
  return bytes;
}

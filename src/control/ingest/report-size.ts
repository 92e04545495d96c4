import type { ReportShape } from "../messages/report-shape.ts";

/** A double has 17 digits, a point, a sign and an exponent at most; then a comma, and white space. */
const BYTES_PER_COUNT = 28;
/** Three digests of 64 digits, with their names. */
const BYTES_PER_RANK = 256;
/** For everything else in a report, and the brackets of its rows. */
const OTHER_BYTES = 16 * 1024;

/** The most that a load report of that shape can have, in JSON or in bytes. */
export function mostReportBytes({ layers, experts, gpus }: ReportShape): number {
  return OTHER_BYTES + BYTES_PER_COUNT * layers * experts + BYTES_PER_RANK * gpus;
}

/** What became of captured requests, in all. */
export interface CaptureCounts {
  /** Requests that are in a file, and bytes of such lines. */
  readonly written: number;
  readonly bytes: number;
  /** Requests for which there was no room on their way to the writer, and those that it could not write. */
  readonly queueFull: number;
  readonly unwritten: number;
}

export const NOTHING_CAPTURED: CaptureCounts = { written: 0, bytes: 0, queueFull: 0, unwritten: 0 };

export function sumCaptured(all: Iterable<CaptureCounts>): CaptureCounts {
  let { written, bytes, queueFull, unwritten } = NOTHING_CAPTURED;
  for (const counts of all) {
    written += counts.written;
    bytes += counts.bytes;
    queueFull += counts.queueFull;
    unwritten += counts.unwritten;
  }
  return { written, bytes, queueFull, unwritten };
}

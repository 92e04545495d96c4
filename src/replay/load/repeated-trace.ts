import type { TraceRequest } from "../../model/traffic.ts";

const HALF = 0x1_0000_0000;
/** Of the upper half of a block's id, which is below 2⁵³. */
const UPPER_BITS = 0x1f_ffff;

/**
 * A trace as often as it is asked for. What is made up is made up anew each time, as if others asked: conversations are
 * other ones, and equal prefix blocks are equal text within one pass only, so that a server's prefix cache finds no more
 * than the trace holds. Text that the trace itself has stays as it is.
 * @param first  the trace
 * @param again  the same once more
 * @param onPass a pass begins, from 1
 */
export async function* repeatedTrace(
  first: AsyncIterable<TraceRequest>,
  again: () => Promise<AsyncIterable<TraceRequest>> | AsyncIterable<TraceRequest>,
  onPass: (pass: number) => void = () => {},
): AsyncGenerator<TraceRequest, void> {
  for (let pass = 1; ; pass++) {
    let some = false;
    for await (const request of pass === 1 ? first : await again()) {
      if (!some) onPass(pass);
      some = true;
      yield pass === 1 ? request : others(request, pass);
    }
    if (!some) return;
  }
}

function others(request: TraceRequest, pass: number): TraceRequest {
  const { session, prefixBlocks } = request;
  return {
    ...request,
    ...(session === undefined ? {} : { session: `${session}#${pass}` }),
    ...(prefixBlocks === undefined
      ? {}
      : { prefixBlocks: prefixBlocks.map((block) => otherId(block, pass)) }),
  };
}

/** Another id for each, of the same range. */
function otherId(block: number, pass: number): number {
  const upper = (Math.floor(block / HALF) ^ pass) & UPPER_BITS;
  return upper * HALF + ((block ^ Math.imul(pass, 0x9e3779b1)) >>> 0);
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { BodyMemory } from "../../src/http/body-memory.ts";
import type { BodyReader } from "../../src/http/collected-body.ts";
import { readBody } from "../../src/http/read-body.ts";
import { ReadingTurns } from "../../src/http/reading-turns.ts";

const PIECE_BYTES = 65_536;
const BODY_BYTES = 8 << 20;

/** A client that sends without a break. */
function endless(bytes: number): IncomingMessage {
  let left = bytes;
  const body = new Readable({
    read() {
      while (left > 0) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, left));
        left -= piece.length;
        if (!this.push(piece)) return;
      }
      this.push(null);
    },
  });
  return Object.assign(body, { headers: {} }) as unknown as IncomingMessage;
}

/** Counts what is looked into in each turn of the event loop. */
class CountedTurns implements BodyReader {
  readonly perTurn = [0];
  readonly #turns: { now: number };
  #seen = 0;

  constructor(turns: { now: number }) {
    this.#turns = turns;
  }

  read({ length }: Buffer): void {
    const { now } = this.#turns;
    this.perTurn[now] = (this.perTurn[now] ?? 0) + length - this.#seen;
    this.#seen = length;
  }
}

async function readAll(bodies: number): Promise<CountedTurns[]> {
  const turns = new ReadingTurns();
  const memory = new BodyMemory(1 << 30);
  const loop = { now: 0, over: false };
  const counting = (async () => {
    for (; !loop.over; loop.now++) await nextTurn();
  })();
  const readers = Array.from({ length: bodies }, () => new CountedTurns(loop));
  const lengths = await Promise.all(
    readers.map((reader) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const terms = { limitBytes: BODY_BYTES, memory, turns, reader };
      const response = new PassThrough() as unknown as ServerResponse;
      readBody(endless(BODY_BYTES), response, terms, ({ length }) => resolve(length), reject);
      return promise;
    }),
  );
  loop.over = true;
  await counting;
  expect(lengths).toEqual(lengths.map(() => BODY_BYTES));
  return readers;
}

test.each([1, 8])(
  "%i bodies that come without a break are looked into turn by turn, each whole at last",
  async (bodies) => {
    const readers = await readAll(bodies);
    const turns = Math.max(...readers.map(({ perTurn }) => perTurn.length));
    const total = (turn: number) => readers.reduce((sum, { perTurn }) => sum + (perTurn[turn] ?? 0), 0);
    // A turn's own bytes, and what four bodies that go on, or each that begins, have at hand.
    const most = 256 * 1024 + PIECE_BYTES * (4 + bodies);
    for (let turn = 0; turn < turns; turn++) expect(total(turn)).toBeLessThanOrEqual(most);
  },
);

import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { Client } from "undici";
import { expect, test } from "vitest";
import { FedSocket } from "../../harness/fakes/fed-socket.ts";
import { Connection } from "../../src/engines/http/connection.ts";
import type { OnRead } from "../../src/engines/http/connector.ts";
import { ResponseHandler } from "../../src/engines/http/response-handler.ts";
import { WaitLimit } from "../../src/engines/http/wait-limit.ts";
import type { ResponseHeaders } from "../../src/serving/engine.ts";
import { Rng } from "../../src/lib/rng.ts";
import { RecordingSink } from "../engine-response.ts";
import { RUNS_TIMEOUT_MS, runs, telling } from "../runs.ts";
import { madeUpAnswers, pieces } from "./made-up-answers.ts";

const ORIGIN = new URL("http://engine");
const OPTIONS = { keepAliveTimeout: 4000, headersTimeout: 0, bodyTimeout: 0 };
const ASKED = { method: "POST", path: "/v1/completions", headers: [], body: Buffer.from("{}") } as const;

/** A connection, with what makes it serve a request and what feeds it. */
interface Line {
  readonly client: Client;
  readonly socket: () => FedSocket | null;
}

interface Outcome {
  readonly headers: ResponseHeaders | null;
  readonly body: string;
  readonly end: readonly string[];
  readonly fault: string | null;
}

/** With its chunks read in front of undici's parser, past the stream or not. */
function ours(past: boolean): Line {
  let socket: FedSocket | null = null;
  const connectors = (onread: OnRead) => (_: unknown, done: (error: null, made: Socket) => void) => {
    socket = new FedSocket(past ? onread : null);
    queueMicrotask(() => done(null, socket as unknown as Socket));
  };
  return { client: new Connection(ORIGIN, connectors, 0, OPTIONS), socket: () => socket };
}

/** With all that undici's parser makes of it. */
function parsed(): Line {
  let socket: FedSocket | null = null;
  const connect = (_: unknown, done: (error: null, made: Socket) => void) => {
    socket = new FedSocket(null);
    queueMicrotask(() => done(null, socket as unknown as Socket));
  };
  return { client: new Client(ORIGIN, { ...OPTIONS, connect: connect as never }), socket: () => socket };
}

/**
 * What becomes of two requests, one after the other, whose connection is fed so.
 * @param ends whether the server closes it then
 * @param slow whether what reads the answer has enough with each chunk for a while
 */
async function outcomes(
  line: Line,
  fed: readonly (readonly Buffer[])[],
  ends: boolean,
  slow: boolean,
): Promise<Outcome[]> {
  const limit = new WaitLimit(60_000);
  const server = { received: 0 };
  const told: Outcome[] = [];
  for (const bytes of fed) {
    const sink = new RecordingSink();
    sink.onData = () => !slow;
    const handler = new ResponseHandler("http://engine", sink, null, server, limit);
    line.client.dispatch({ ...ASKED, headers: [] }, handler);
    handler.sent();
    for (let turn = 0; turn < 2; turn++) await setImmediate();
    for (const piece of bytes) {
      line.socket()?.arrives(piece);
      await setImmediate();
    }
    if (ends && bytes === fed.at(-1)) line.socket()?.ends();
    const turns = slow ? 60 : 2;
    for (let turn = 0; turn < turns; turn++) {
      await setImmediate();
      if (slow) handler.resume();
    }
    told.push({
      headers: sink.headersHeard,
      body: sink.text,
      end: sink.received.filter((call) => call !== "data"),
      fault: sink.fault?.message ?? null,
    });
    handler.cancel();
  }
  await line.client.destroy();
  return told;
}

test(
  "an answer is the same as undici's parser alone makes it, well-formed or broken, however it is cut",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const rng = new Rng(seed);
        const answers = madeUpAnswers(rng);
        const fed = answers.map((bytes) => pieces(bytes, rng));
        const ends = rng.below(2) === 0;
        const wanted = await outcomes(parsed(), fed, ends, false);
        // Of one that breaks off, a slow reader may miss what came last.
        const slow = rng.below(16) === 0 && wanted.every(({ fault }) => fault === null);
        const got = await outcomes(ours(rng.below(2) === 0), fed, ends, slow);
        telling(
          fed.map((bytes) => bytes.map((piece) => piece.toString("latin1"))),
          () => expect(got).toEqual(wanted),
        );
      }),
      { seed: 20261201, numRuns: runs(10_000) },
    );
  },
  RUNS_TIMEOUT_MS,
);

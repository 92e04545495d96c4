import type { FastifyInstance, FastifyReply } from "fastify";
import { BodyRefused, type Solver, SolverBusy } from "../control/solve/solver.ts";
import type { BodyMemory } from "./body-memory.ts";
import { controlBodies, controlMemory } from "./control-body.ts";
import { HttpError } from "./errors.ts";
import { Peers } from "./peer.ts";

/** The largest placement problem that is solved takes half of it. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;
/** A plan with the runs of the twin that it stands on. */
const PLAN_LIMIT_BYTES = 1024 * 1024;

/** Load and topology in, placement and certificate out: stateless, for engines that place at their own time. */
export function solveRoute(
  app: FastifyInstance,
  solver: Solver,
  peers: Peers = new Peers(app.server),
  memory: BodyMemory = controlMemory(),
): void {
  threadRoute(app, { path: "/ep/v1/solve", limitBytes: BODY_LIMIT_BYTES, solver, peers, memory });
}

/** A question in, a plan out: stateless, for the dashboard and for planners. */
export function planRoute(
  app: FastifyInstance,
  planner: Solver,
  peers: Peers = new Peers(app.server),
  memory: BodyMemory = controlMemory(),
): void {
  threadRoute(app, { path: "/ep/v1/plan", limitBytes: PLAN_LIMIT_BYTES, solver: planner, peers, memory });
}

interface ThreadRoute {
  readonly path: string;
  readonly limitBytes: number;
  readonly solver: Solver;
  readonly peers: Peers;
  readonly memory: BodyMemory;
}

function threadRoute(app: FastifyInstance, { path, limitBytes, solver, peers, memory }: ThreadRoute): void {
  void app.register(async (scope) => {
    // The solver's thread reads the body; here it stays bytes, held until the answer.
    controlBodies(scope, "*", { memory, limitOf: () => limitBytes, read: (bytes) => bytes });

    scope.post<{ Body: Buffer | undefined }>(path, async (request, reply) => {
      const body = request.body ?? Buffer.alloc(0);
      const client = peers.addressOf(request.raw);
      return fromThread(reply, (left) => solver.solve(body, left, client));
    });
  });
}

/** Answers with the JSON that a thread makes. @param solve receives when the client is gone */
export async function fromThread(
  reply: FastifyReply,
  solve: (left: AbortSignal) => Promise<Uint8Array>,
): Promise<FastifyReply> {
  const left = new AbortController();
  reply.raw.once("close", () => left.abort());
  try {
    const file = await solve(left.signal);
    return await reply.type("application/json; charset=utf-8").send(Buffer.from(file.buffer));
  } catch (error) {
    if (error instanceof BodyRefused) throw new HttpError("invalid_request", error.message);
    if (error instanceof SolverBusy) throw new HttpError("overloaded", error.message);
    throw error;
  }
}

import type { FastifyInstance } from "fastify";
import { BodyRefused, type Solver, SolverBusy } from "../control/solve/solver.ts";
import type { BodyMemory } from "./body-memory.ts";
import { controlBodies, controlMemory } from "./control-body.ts";
import { HttpError } from "./errors.ts";
import { Peers } from "./peer.ts";

/** The largest problem that is solved takes half of it. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** Load and topology in, placement and certificate out: stateless, for engines that place at their own time. */
export function solveRoute(
  app: FastifyInstance,
  solver: Solver,
  peers: Peers = new Peers(app.server),
  memory: BodyMemory = controlMemory(),
): void {
  void app.register(async (scope) => {
    // The solver's thread reads the body; here it stays bytes, held until the answer.
    controlBodies(scope, "*", { memory, limitOf: () => BODY_LIMIT_BYTES, read: (bytes) => bytes });

    scope.post<{ Body: Buffer | undefined }>("/ep/v1/solve", async (request, reply) => {
      const left = new AbortController();
      reply.raw.once("close", () => left.abort());
      try {
        const body = request.body ?? Buffer.alloc(0);
        const file = await solver.solve(body, left.signal, peers.addressOf(request.raw));
        return await reply.type("application/json; charset=utf-8").send(Buffer.from(file.buffer));
      } catch (error) {
        if (error instanceof BodyRefused) throw new HttpError("invalid_request", error.message);
        if (error instanceof SolverBusy) throw new HttpError("overloaded", error.message);
        throw error;
      }
    });
  });
}

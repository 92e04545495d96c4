import { type FastifyInstance, fastify } from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Solver } from "../../src/control/solve/solver.ts";
import { errorAnswer } from "../../src/http/errors.ts";
import { planRoute } from "../../src/http/solve-route.ts";
import { planSolver } from "../../src/plans/plan-solver.ts";
import { resultHere } from "../run-here.ts";

const QUESTION = {
  model: "mixtral-8x7b",
  gpu: "h100",
  rate: 6,
  isl: 256,
  osl: 12,
  ttftP95: 300,
  "itl-p95": 25,
  maxGpus: 6,
};

let planner: Solver;
let app: FastifyInstance;
let url: string;
beforeAll(async () => {
  planner = planSolver();
  app = fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = errorAnswer(error);
    return reply.code(status).send(body);
  });
  planRoute(app, planner);
  url = `${await app.listen({ port: 0, host: "127.0.0.1" })}/ep/v1/plan`;
});
afterAll(async () => {
  await app.close();
  await planner.close();
});

/** What of an answer is read here. */
interface Answer {
  readonly asked: Readonly<Record<string, unknown>>;
  readonly answer: { readonly gpus: number } | null;
  readonly question: { readonly requestsPerSecond: number };
  readonly compared: { readonly changes: readonly unknown[] };
  readonly error: { readonly message: string };
}

async function ask(body: unknown): Promise<{ readonly status: number; readonly body: Answer }> {
  const response = await fetch(url, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

test("a question is answered as the command answers it, and then another one by the runs that are known", async () => {
  const { status, body: plan } = await ask(QUESTION);
  expect(status).toBe(200);
  const options = Object.entries(plan.asked).flatMap(([field, value]) => [
    `--${field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
  const { stdout } = await resultHere("plan", ...options, "--json");
  expect(plan.answer).toEqual(JSON.parse(stdout).answer);

  const same = await ask({ from: plan });
  expect(same.body.answer).toEqual(plan.answer);
  const more = await ask({ from: plan, set: { traffic: 2, maxGpus: 12 } });
  expect(more.body.question.requestsPerSecond).toBe(12);
  expect(more.body.compared.changes[0]).toMatchObject({ name: "GPUs", before: `${plan.answer?.gpus} H100` });
  const none = await ask({ from: plan, set: { rate: 4000 } });
  expect(none.status).toBe(200);
  expect(none.body).toMatchObject({ answer: null, why: expect.stringContaining("no plan within") });
});

test.each([
  ["{", "is no JSON"],
  [[], "is no object"],
  [{ ...QUESTION, gpu: "h20x" }, "gpu: "],
  [{ ...QUESTION, rte: 3 }, "rte is not known; did you mean rate?"],
  [{ ...QUESTION, rate: -1 }, "rate is -1; expected a number above 0"],
  [
    { ...QUESTION, rate: undefined, users: undefined },
    "rate: is missing; expected one of rate, trace, users",
  ],
  [{ ...QUESTION, model: "/etc/passwd.yaml" }, "model names a file"],
  [{ ...QUESTION, gpu: "../gpus/h100" }, "gpu names a file"],
  [{ ...QUESTION, rate: undefined, trace: "/etc/passwd" }, "trace names a file"],
  [{ ...QUESTION, maxGpus: 100_000 }, "maxGpus is above 1024"],
  [{ from: {} }, "is no plan: `format` is not text"],
  [{ ...QUESTION, set: ["traffic=2"] }, "set: is no object"],
  [{ ...QUESTION, set: { trafic: 2 } }, "trafic is not known; did you mean traffic?"],
])("%j is refused in a line", async (body, message) => {
  const { status, body: answer } = await ask(body);
  expect(answer.error.message).toContain(message);
  expect(answer.error.message).not.toContain("\n");
  expect(status).toBe(400);
});

test("what takes too long is given up, and the next is answered", async () => {
  const hasty = planSolver(1);
  try {
    const asked = hasty.solve(
      new TextEncoder().encode(JSON.stringify(QUESTION)),
      new AbortController().signal,
    );
    await expect(asked).rejects.toThrow("It was not solved within 1 ms.");
  } finally {
    await hasty.close();
  }
});

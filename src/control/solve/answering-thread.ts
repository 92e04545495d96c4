import { parentPort } from "node:worker_threads";
import { InputError } from "../../lib/errors.ts";
import type { Solved, ToSolve } from "./solved.ts";

/**
 * What a `Solver`'s thread runs: bodies are answered as they come. An InputError refuses its body; what else fails ends
 * the thread: its other end learns of it and starts a new one.
 * @param name of the thread's module
 * @param answer the text that a body is answered with
 */
export function answerBodies(name: string, answer: (toSolve: ToSolve) => string | Promise<string>): void {
  const port = parentPort;
  if (port === null) throw new Error(`${name} runs as a worker thread only`);
  const solve = async (toSolve: ToSolve): Promise<Solved> => {
    try {
      return { kind: "file", file: new TextEncoder().encode(await answer(toSolve)) };
    } catch (error) {
      if (error instanceof InputError) return { kind: "refused", why: error.message };
      throw error;
    }
  };
  port.on("message", (toSolve: ToSolve) => {
    port.postMessage({ kind: "begun" } satisfies Solved);
    void solve(toSolve).then((solved) =>
      port.postMessage(solved, solved.kind === "file" ? [solved.file.buffer] : []),
    );
  });
}

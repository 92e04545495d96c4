import { expect, test } from "vitest";
import { Solver } from "../../src/control/solve/solver.ts";

/** Answers with what it is asked; a 0 it works on for ever. */
const WORKER = `
  import { parentPort } from "node:worker_threads";
  parentPort.on("message", ({ body }) => {
    parentPort.postMessage({ kind: "begun" });
    while (body[0] === 0);
    parentPort.postMessage({ kind: "file", file: body });
  });`;
const FILE = new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`);
const PATIENT_MS = 60_000;
const stays = new AbortController().signal;

test("what nobody wants any more is given up while it is solved, and the next is solved by another thread", async () => {
  const solver = new Solver(async () => [], PATIENT_MS, PATIENT_MS, FILE, true);
  try {
    expect(await solver.solve(Uint8Array.of(1), stays)).toEqual(Uint8Array.of(1));
    const asker = new AbortController();
    const endless = solver.solve(Uint8Array.of(0), asker.signal, "one");
    const next = solver.solve(Uint8Array.of(2), stays, "two");
    asker.abort(new Error("left"));
    await expect(endless).rejects.toThrow("left");
    expect(await next).toEqual(Uint8Array.of(2));
  } finally {
    await solver.close();
  }
});

test("who leaves after the answer ends nobody else's", async () => {
  const solver = new Solver(async () => [], PATIENT_MS, PATIENT_MS, FILE, true);
  try {
    const asker = new AbortController();
    await solver.solve(Uint8Array.of(1), asker.signal, "one");
    const next = solver.solve(Uint8Array.of(2), stays, "two");
    asker.abort(new Error("left"));
    expect(await next).toEqual(Uint8Array.of(2));
  } finally {
    await solver.close();
  }
});

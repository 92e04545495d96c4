import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Manner } from "./cells.ts";
import type { Address, LoadFigures, LoadOrder, LoadReport } from "./load.ts";

/** Four engines and what loads them, each in a process of its own. */
export interface Stand extends AsyncDisposable {
  readonly engines: readonly Address[];
  /** Loads a router while the engines answer in the given manner. */
  measure(order: LoadOrder, manner: Manner): Promise<LoadFigures>;
}

const ENGINES = 4;
/** Streams that still run when a window is over need not take their time. */
const HURRY: Manner = { kind: "flat out" };

export async function openStand(): Promise<Stand> {
  const engines = Array.from({ length: ENGINES }, () => fork(new URL("mock-engine.ts", import.meta.url)));
  const generator = fork(new URL("load-generator.ts", import.meta.url));
  const addresses = await Promise.all(
    engines.map(async (engine) => ({ host: "127.0.0.1", port: await heard<number>(engine) })),
  );
  const tell = async (manner: Manner): Promise<void> => {
    await Promise.all(engines.map((engine) => asked(engine, manner)));
  };
  return {
    engines: addresses,
    measure: async (order, manner) => {
      await tell(manner);
      let report = await asked<LoadReport>(generator, order);
      if (report.kind === "over") {
        const figures = heard<LoadReport>(generator);
        if (manner.kind !== "whole") await tell(HURRY);
        report = await figures;
      }
      if (report.kind !== "figures") throw new Error("the load generator ended a window twice");
      return report.figures;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...engines, generator].map(closed));
    },
  };
}

async function asked<Answer>(child: ChildProcess, message: Manner | LoadOrder): Promise<Answer> {
  const answer = heard<Answer>(child);
  child.send(message);
  return answer;
}

/** @throws Error when the process ends instead */
async function heard<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`a process of the benchmark ended: ${code}`));
    child.once("exit", onExit);
    child.once("message", (message: Message) => {
      child.off("exit", onExit);
      resolve(message);
    });
  });
}

async function closed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, "exit");
  child.disconnect();
  await exit;
}

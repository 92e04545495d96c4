import { fork } from "node:child_process";
import type { MockOrder, MockSaid } from "./mock-process.ts";
import type { MockCount, MockTimes } from "./timed-mock.ts";
import { entryFile } from "../../files/package-files.ts";

const FILE = entryFile("replay/self-test/mock-process");

type Said<Kind extends MockSaid["kind"]> = Extract<MockSaid, { kind: Kind }>;

/** The mock in a process of its own, as whoever measures it has it. One order at a time. */
export class MockServer implements AsyncDisposable {
  readonly #child = fork(FILE, [], {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });

  listen(seed: number, times: MockTimes): Promise<Said<"listening">> {
    return this.#ask<"listening">({ kind: "listen", seed, times });
  }

  count(): Promise<MockCount> {
    return this.#ask<"counted">({ kind: "count" });
  }

  take(): Promise<Said<"taken">> {
    return this.#ask<"taken">({ kind: "take" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => void this.#child.once("exit", resolve));
    this.#child.disconnect();
    await gone;
  }

  #ask<Kind extends MockSaid["kind"]>(order: MockOrder): Promise<Said<Kind>> {
    return new Promise((resolve, reject) => {
      const gone = (code: number | null, signal: string | null): void =>
        reject(new Error(`the mock server ended (${signal ?? `exit code ${code}`})`));
      this.#child.once("exit", gone);
      this.#child.once("message", (said: Said<Kind>) => {
        this.#child.off("exit", gone);
        resolve(said);
      });
      this.#child.send(order);
    });
  }
}

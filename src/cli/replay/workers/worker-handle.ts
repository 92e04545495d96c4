import { type ChildProcess, fork } from "node:child_process";
import { InputError } from "../../../lib/errors.ts";
import type { Order, Said, SentError } from "./messages.ts";
import { entryFile } from "../../../files/package-files.ts";

const FILE = entryFile("cli/replay/workers/worker-process");

/** One process that plays a part of a load. */
export class WorkerHandle {
  readonly #child: ChildProcess;
  readonly #onSaid: (said: Said) => void;
  readonly #onEnd: (how: string) => void;
  #over = false;

  /**
   * @param onSaid receives what it says
   * @param onEnd  it is gone, and why; not after `close`
   */
  constructor(onSaid: (said: Said) => void, onEnd: (how: string) => void) {
    this.#onSaid = onSaid;
    this.#onEnd = onEnd;
    this.#child = fork(FILE, [], {
      // Times and gaps go through as they are; what runs this process is not for others.
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child.on("message", (said: Said) => {
      if (!this.#over) this.#onSaid(said);
    });
    this.#child.on("error", (error) => this.#end(error.message));
    // Not "exit": what it has said until then comes first.
    this.#child.on("close", (code, signal) => this.#end(signal ?? `exit code ${code}`));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  order(order: Order): void {
    // A process that is gone says so by itself.
    if (this.#child.connected) this.#child.send(order, () => {});
  }

  /** Resolves when it is gone. */
  async close(): Promise<void> {
    this.#over = true;
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const gone = new Promise((resolve) => void this.#child.once("exit", resolve));
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }

  #end(how: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnd(how);
  }
}

/** What another process threw, as it was. */
export function receivedError({ message, input }: SentError): Error {
  return input ? Object.assign(new InputError("", "", ""), { message }) : new Error(message);
}

import { type ChildProcess, fork } from "node:child_process";
import { receivedError } from "../workers/worker-handle.ts";
import type { GatewayOrder, GatewaySaid } from "./gateway-messages.ts";
import { entryFile } from "../../../files/package-files.ts";

const FILE = entryFile("cli/replay/scenario/gateway-process");

/** The gateway of a scenario, in a process of its own. */
export class GatewayHandle {
  readonly #child: ChildProcess;
  readonly #listening = Promise.withResolvers<string>();
  #ended: string | null = null;
  #onNotice: (line: string) => void = () => {};

  private constructor(order: GatewayOrder) {
    this.#child = fork(FILE, [], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#child.on("message", (said: GatewaySaid) => {
      if (said.kind === "listening") this.#listening.resolve(said.url);
      else if (said.kind === "failed") this.#listening.reject(receivedError(said.error));
      else this.#onNotice(said.line);
    });
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("close", (code, signal) => this.#end(signal ?? `exit code ${code}`));
    this.#child.send(order);
  }

  /** @throws what it does where it cannot begin */
  static async start(order: GatewayOrder): Promise<GatewayHandle & { readonly url: string }> {
    const handle = new GatewayHandle(order);
    try {
      const url = await handle.#listening.promise;
      return Object.assign(handle, { url });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended by itself; null while it runs. */
  get ended(): string | null {
    return this.#ended;
  }

  /** @param onNotice receives what it says of its servers, line by line */
  listen(onNotice: (line: string) => void): void {
    this.#onNotice = onNotice;
  }

  /** Resolves when it is gone. */
  async close(): Promise<void> {
    const { exitCode, signalCode, connected } = this.#child;
    this.#onNotice = () => {};
    if (exitCode !== null || signalCode !== null || this.#ended !== null) return;
    const gone = new Promise((resolve) => void this.#child.once("exit", resolve));
    if (connected) this.#child.disconnect();
    await gone;
  }

  #end(how: string): void {
    this.#ended ??= how;
    this.#listening.reject(new Error(`the scenario's gateway ended before it listened (${how})`));
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TcpProxy } from "./tcp-proxy.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** One gateway of a cluster, in a process of its own, with a way of its own to the store. */
export class GatewayProcess {
  readonly store: TcpProxy;
  readonly #path: string;
  readonly #config: (storePort: number) => string;
  #child: ChildProcess | null = null;
  #url = "";

  /**
   * @param path   where its configuration is written
   * @param config the text of it
   */
  constructor(path: string, redisPort: number, config: (storePort: number) => string) {
    this.store = new TcpProxy(redisPort);
    this.#path = path;
    this.#config = config;
  }

  get url(): string {
    return this.#url;
  }

  /** @throws Error while it does not run */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("the gateway does not run");
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child !== null;
  }

  async start(): Promise<void> {
    await this.store.open();
    await writeFile(this.#path, this.#config(this.store.port));
    const child = spawn(process.execPath, [MAIN, "serve", "--json", "--config", this.#path], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    this.#url = (JSON.parse(line) as { url: string }).url;
    this.#child = child;
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** @param signal SIGKILL as a crash would, SIGTERM to let it finish */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
}

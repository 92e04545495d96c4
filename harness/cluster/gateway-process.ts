import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { TcpProxy } from "./tcp-proxy.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const HEAP_PROBE = new URL("heap-probe.ts", import.meta.url).href;
/** What a gateway says after SIGHUP, earlier versions too. */
const RELOADED = /^the configuration (?:is reloaded|was taken anew|stays as it was: (?<why>.*))/;
const LINES_KEPT = 50;
const HEAP_WITHIN_MS = 5000;
const RELOAD_WITHIN_MS = 20_000;

/** The entry of another version. @param checkout its folder */
export function entryOf(checkout: string): string {
  return join(checkout, "src/main.ts");
}

/** One gateway of a cluster, in a process of its own, with a way of its own to the store. */
export class GatewayProcess {
  readonly store: TcpProxy;
  readonly #path: string;
  #main: string;
  #config: (storePort: number) => string;
  /** What it said last. */
  readonly #lines: string[] = [];
  readonly #onReloaded = new Set<(why: string | null) => void>();
  #child: ChildProcess | null = null;
  #url = "";

  /**
   * @param path   where its configuration is written
   * @param config the text of it
   * @param main   the entry of the version that it runs
   */
  constructor(path: string, redisPort: number, config: (storePort: number) => string, main = MAIN) {
    this.store = new TcpProxy(redisPort);
    this.#path = path;
    this.#main = main;
    this.#config = config;
  }

  /** From its next start on. @param main the entry of the version */
  runs(main = MAIN): void {
    this.#main = main;
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
    const flags = ["--import", HEAP_PROBE];
    const child = spawn(process.execPath, [...flags, this.#main, "serve", "--json", "--config", this.#path], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    createInterface(child.stderr as Readable).on("line", (text) => this.#heard(text));
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    const lines = createInterface(child.stdout as Readable);
    const line = await Promise.race([
      once(lines, "line").then(([text]) => text as string),
      once(child, "exit").then(() => null),
    ]);
    if (line === null) throw new Error(`the gateway did not start: ${this.said.join(" | ")}`);
    this.#url = (JSON.parse(line) as { url: string }).url;
    this.#child = child;
  }

  /** What it said last, for people. */
  get said(): readonly string[] {
    return this.#lines;
  }

  /** Bytes of heap in use after a collection. */
  async heapBytes(): Promise<number> {
    const child = this.#child;
    if (child === null) throw new Error("the gateway does not run");
    const answered = once(child, "message", { signal: AbortSignal.timeout(HEAP_WITHIN_MS) });
    child.send("heap");
    const [{ heapBytes }] = (await answered) as [{ heapBytes: number }];
    return heapBytes;
  }

  /**
   * Has it reload another configuration, which it also starts by from now on.
   * Rejects with its own words when it cannot; then it starts by the one before.
   */
  async reload(config: (storePort: number) => string): Promise<void> {
    const before = this.#config;
    this.#config = config;
    await writeFile(this.#path, config(this.store.port));
    const { promise, resolve } = Promise.withResolvers<string | null>();
    this.#onReloaded.add(resolve);
    this.#child?.kill("SIGHUP");
    const late = setTimeout(() => resolve("it has said nothing of it"), RELOAD_WITHIN_MS);
    const why = await promise;
    clearTimeout(late);
    this.#onReloaded.delete(resolve);
    if (why === null) return;
    this.#config = before;
    await writeFile(this.#path, before(this.store.port));
    throw new Error(`the gateway cannot reload: ${why}`);
  }

  #heard(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
    const said = RELOADED.exec(line);
    if (said !== null) for (const resolve of this.#onReloaded) resolve(said.groups?.["why"] ?? null);
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

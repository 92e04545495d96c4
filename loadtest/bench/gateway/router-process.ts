import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { RunningRouter } from "./router.ts";
import { requestBodies } from "./request-bodies.ts";

const HOST = "127.0.0.1";
/** Python alone takes LiteLLM some ten seconds on a busy machine. */
const START_MS = 90_000;
const STOP_MS = 10_000;
const POLL_MS = 100;
/** Lines of a router's own that say why it did not start. */
const LAST_LINES = 5;

interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly port: number;
  readonly about: string;
}

/**
 * Starts a router and waits until it answers a completion.
 * @param folder where `log` is written: all that the router says
 * @throws Error with its last lines where it ends before, or never answers
 */
export async function startRouter(command: Command, folder: string): Promise<RunningRouter> {
  const { file, args, environment, port, about } = command;
  const logPath = join(folder, "log");
  const log = await open(logPath, "w");
  const child = spawn(file, args, {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ["ignore", log.fd, log.fd],
  });
  const exit = once(child, "exit");
  await log.close();
  const until = performance.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode === null && performance.now() < until) {
      await setTimeout(POLL_MS);
      continue;
    }
    child.kill("SIGKILL");
    const said = (await readFile(logPath, "utf8")).trim().split("\n").slice(-LAST_LINES).join(" | ");
    throw new Error(`${file} answered no completion; it said: ${said}`);
  }
  return {
    addresses: [{ host: HOST, port }],
    pid: child.pid ?? null,
    about,
    stop: async () => {
      child.kill("SIGTERM");
      await Promise.race([exit, setTimeout(STOP_MS, null, { ref: false })]);
      child.kill("SIGKILL");
      await exit;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${HOST}:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: requestBodies(READY_BYTES, false)[0],
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

const READY_BYTES = 200;

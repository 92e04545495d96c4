import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface SeenRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  bodySha256: string;
  fate: "open" | "done" | "aborted";
}

export interface FakeServer {
  readonly url: string;
  /** Every request that reached it, oldest first. */
  seen(): Promise<SeenRequest[]>;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("openai-server.ts", import.meta.url));

/** Starts the fake in its own process and waits until it listens. */
export async function startOpenAiServer(port = 0): Promise<FakeServer> {
  const child = fork(PROGRAM, [String(port)], { execArgv: [] });
  const [ready] = (await once(child, "message")) as [{ port: number }];
  const url = `http://127.0.0.1:${ready.port}`;
  return {
    url,
    seen: async () => (await fetch(`${url}/fake/seen`)).json() as Promise<SeenRequest[]>,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** A port on which nothing listens. */
export async function deadUrl(): Promise<string> {
  const server = await startOpenAiServer();
  await server.kill();
  return server.url;
}

import { fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import type { FakeState } from "./fake-state.ts";

export interface SeenRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  bodySha256: string;
  /** Its first 2 KiB. */
  body: string;
  fate: "open" | "done" | "aborted";
}

export interface FakeServer {
  readonly url: string;
  /** Every request that reached it, oldest first. */
  seen(): Promise<SeenRequest[]>;
  /** Changes what it says of itself; not for the plain OpenAI server. */
  set(state: Partial<FakeState>): Promise<void>;
  /** Stops the process where it is, and lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
}

export function startOpenAiServer(port = 0): Promise<FakeServer> {
  return startFake("openai", port);
}

/** Starts the fake in its own process and waits until it listens. */
export async function startFake(
  kind: "openai" | "vllm" | "sglang" | "trtllm",
  port = 0,
): Promise<FakeServer> {
  const program = fileURLToPath(new URL(`${kind}-server.ts`, import.meta.url));
  const child = fork(program, [String(port)], { execArgv: [] });
  const [ready] = (await once(child, "message")) as [{ port: number }];
  const url = `http://127.0.0.1:${ready.port}`;
  return {
    url,
    seen: async () => (await fetch(`${url}/fake/seen`)).json() as Promise<SeenRequest[]>,
    set: async (state) => {
      await fetch(`${url}/fake/state`, { method: "POST", body: JSON.stringify(state) });
    },
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
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
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await once(server.close(), "close");
  return `http://127.0.0.1:${port}`;
}

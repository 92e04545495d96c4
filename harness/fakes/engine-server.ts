/** What the fakes of engines have in common: an OpenAI-compatible server in a process of its own. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { flushCompileCache } from "node:module";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  bodySha256: string;
  /** Its first bytes. */
  body: string;
  /** `done`: answered to the end; `aborted`: the caller went away before. */
  fate: "open" | "done" | "aborted";
}

interface Body {
  model: string;
  stream?: boolean;
  max_tokens?: number;
  max_completion_tokens?: number;
  safety_identifier?: string;
  /** Where a stream is to take longer than its few frames would. */
  frame_pause_ms?: number;
}

const seen: Seen[] = [];
const FRAME_PAUSE_MS = 2;
const MOST_KEPT = 2048;

/** What one kind of engine answers itself. @returns false to leave the answer to what they have in common */
export type OwnAnswer = (
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
) => boolean | Promise<boolean>;

/** Listens on the port that the program was started with, and reports it to its parent. @returns the port */
export async function serveEngine(own: OwnAnswer): Promise<number> {
  const server = createServer((request, response) => void serve(own, request, response));
  server.listen(Number(process.argv[2]), "127.0.0.1");
  await once(server, "listening");
  process.once("disconnect", () => process.exit(0));
  const { port } = server.address() as AddressInfo;
  // Most end by SIGKILL, and would leave nothing for the next.
  flushCompileCache();
  process.send?.({ port });
  return port;
}

async function serve(own: OwnAnswer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = Buffer.concat(await request.toArray());
  if (request.url === "/fake/seen") {
    response.end(JSON.stringify(seen));
    return;
  }
  if (request.url?.startsWith("/fake/") === true) {
    await own(request, body, response);
    return;
  }
  const entry: Seen = {
    method: request.method ?? "",
    url: request.url ?? "",
    headers: request.headers,
    bodySha256: createHash("sha256").update(body).digest("hex"),
    body: body.toString("utf8", 0, MOST_KEPT),
    fate: "open",
  };
  seen.push(entry);
  response.once("close", () => {
    entry.fate = response.writableFinished ? "done" : "aborted";
  });
  response.setHeader("x-engine", "fake");
  if (await own(request, body, response)) return;
  if (request.url === "/v1/models")
    json(response, 200, {
      object: "list",
      data: [{ id: "small", object: "model", max_model_len: 4096 }, { id: "hidden" }],
    });
  else if (request.method === "GET") json(response, 404, { detail: "Not Found" });
  else await answer(JSON.parse(body.toString()) as Body, request, response);
}

async function answer(body: Body, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const count = body.max_completion_tokens ?? body.max_tokens ?? 3;
  const trouble = body.safety_identifier ?? "";
  switch (trouble) {
    case "error":
      return json(response, 418, { error: { message: "as asked", type: "teapot", param: null, code: null } });
    case "reset-before-headers":
      request.socket.resetAndDestroy();
      return;
    case "silent":
      return;
    default:
  }
  if (request.url === "/v1/embeddings") {
    return json(response, 200, {
      object: "list",
      model: body.model,
      data: [{ object: "embedding", index: 0, embedding: [0.25, -0.5] }],
      usage: { prompt_tokens: 1, total_tokens: 1 },
    });
  }
  if (body.stream !== true) {
    const message = { role: "assistant", content: words(count).join("") };
    return json(response, 200, {
      id: "c1",
      object: "chat.completion",
      created: 1,
      model: body.model,
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: count, total_tokens: count + 1 },
    });
  }
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.write(": a comment\r\n\r\n");
  response.write(chunk(body, { role: "assistant", content: "" }));
  const pauseMs = body.frame_pause_ms ?? FRAME_PAUSE_MS;
  for (const [i, word] of words(count).entries()) {
    await sleep(pauseMs);
    if (response.destroyed) return;
    const frame = chunk(body, { content: word });
    if (trouble === "reset-mid-frame" && i === 2) {
      response.write(frame.slice(0, 20));
      await sleep(FRAME_PAUSE_MS);
      request.socket.resetAndDestroy();
      return;
    }
    // A frame need not arrive in one piece.
    response.write(frame.slice(0, 9));
    response.write(frame.slice(9));
  }
  response.end("data: [DONE]\n\n");
}

function words(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `wörd${i} `);
}

function chunk(body: Body, delta: Record<string, string>): string {
  const value = {
    id: "c1",
    object: "chat.completion.chunk",
    created: 1,
    model: body.model,
    choices: [{ index: 0, delta, finish_reason: null }],
  };
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** Whether another fake answers 200 there. */
export async function isThere(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

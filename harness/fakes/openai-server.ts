/**
 * An OpenAI-compatible server in a process of its own: `node openai-server.ts PORT`. What it answers follows from the
 * request alone; `safety_identifier` (`metadata.user_id` in messages) asks for trouble. `GET /fake/seen` reports what
 * reached it. `/v1/responses` and `/v1/messages` speak as their APIs are published, as vLLM serves them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { json, serveEngine } from "./engine-server.ts";

interface Body {
  readonly model: string;
  readonly stream?: boolean;
  readonly max_tokens?: number;
  readonly max_output_tokens?: number;
  readonly safety_identifier?: string;
  readonly metadata?: { readonly user_id?: string };
}

type Event = { readonly type: string } & Readonly<Record<string, unknown>>;

/** An answer whole, and as the events that stream it. */
interface Answer {
  readonly whole: object;
  readonly begin: readonly Event[];
  readonly words: readonly Event[];
  readonly end: readonly Event[];
}

const FRAME_PAUSE_MS = 2;

await serveEngine(async (request, bytes, response) => {
  const answerOf = request.url === "/v1/responses" ? responsesAnswer : messagesAnswer;
  if (request.url !== "/v1/responses" && request.url !== "/v1/messages") return false;
  const body = JSON.parse(bytes.toString()) as Body;
  const trouble = body.safety_identifier ?? body.metadata?.user_id ?? "";
  const answer = answerOf(body.model, wordsOf(body));
  if (trouble === "error")
    json(response, 418, { type: "error", error: { type: "teapot", message: "as asked" } });
  else if (body.stream === true) await stream(answer, trouble, request, response);
  else json(response, 200, answer.whole);
  return true;
});

function wordsOf(body: Body): string[] {
  return Array.from({ length: body.max_output_tokens ?? body.max_tokens ?? 3 }, (_, i) => `wörd${i} `);
}

async function stream(
  { begin, words, end }: Answer,
  trouble: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  for (const event of begin) response.write(frame(event));
  for (const [i, event] of words.entries()) {
    await sleep(FRAME_PAUSE_MS);
    if (response.destroyed) return;
    if (trouble === "reset-mid-frame" && i === 2) {
      response.write(frame(event).slice(0, 20));
      await sleep(FRAME_PAUSE_MS);
      request.socket.resetAndDestroy();
      return;
    }
    response.write(frame(event));
  }
  for (const event of end) response.write(frame(event));
  response.end();
}

function frame(event: Event): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function responsesAnswer(model: string, words: readonly string[]): Answer {
  const text = words.join("");
  const part = { type: "output_text", text, annotations: [] };
  const item = { type: "message", id: "m1", role: "assistant", status: "completed", content: [part] };
  const usage = { input_tokens: 1, output_tokens: words.length, total_tokens: words.length + 1 };
  const whole = { id: "r1", object: "response", model, status: "completed", output: [item], usage };
  const place = { item_id: "m1", output_index: 0, content_index: 0 };
  const last = words.length + 1;
  return {
    whole,
    begin: [
      {
        type: "response.created",
        sequence_number: 0,
        response: { ...whole, status: "in_progress", output: [] },
      },
    ],
    words: words.map((delta, i) => ({
      type: "response.output_text.delta",
      ...place,
      delta,
      sequence_number: i + 1,
    })),
    end: [
      { type: "response.output_text.done", ...place, text, sequence_number: last },
      { type: "response.completed", response: whole, sequence_number: last + 1 },
    ],
  };
}

function messagesAnswer(model: string, words: readonly string[]): Answer {
  const usage = { input_tokens: 1, output_tokens: words.length };
  const message = {
    id: "m1",
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    usage,
  };
  return {
    whole: { ...message, content: [{ type: "text", text: words.join("") }], stop_reason: "end_turn" },
    begin: [
      { type: "message_start", message },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "ping" },
    ],
    words: words.map((text) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text },
    })),
    end: [
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage },
      { type: "message_stop" },
    ],
  };
}

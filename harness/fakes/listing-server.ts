import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { ModelCard } from "../../src/serving/engine.ts";

/** A server whose models, health and slowness a test sets as it goes. */
export interface ListingServer extends AsyncDisposable {
  readonly url: string;
  cards: ModelCard[];
  /** Of `/health`. */
  health: number;
  /** Paths that are taken and never answered. */
  hangs: string[];
  /** Paths in the order they were asked. */
  readonly asked: string[];
  /** Bodies of the POSTs. */
  readonly bodies: string[];
}

/** Answers, like vLLM, 404 to requests for a model that it does not list. */
export async function startListingServer(...cards: ModelCard[]): Promise<ListingServer> {
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "";
    const body = await text(request);
    fake.asked.push(path);
    if (fake.hangs.includes(path)) return;
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    if (path === "/health") return void response.writeHead(fake.health).end();
    if (path === "/v1/models") return json(200, { object: "list", data: fake.cards });
    if (request.method === "GET") return json(404, { detail: "Not Found" });
    fake.bodies.push(body);
    const { model } = JSON.parse(body) as { model?: string };
    const base = model?.split(":", 1)[0];
    if (fake.cards.some(({ id }) => id === model || id === base)) json(200, { id: "c", model, choices: [] });
    else json(404, { error: { message: "no such model", type: "NotFoundError", param: "model", code: 404 } });
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const fake: ListingServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cards,
    health: 200,
    hangs: [],
    asked: [],
    bodies: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return fake;
}

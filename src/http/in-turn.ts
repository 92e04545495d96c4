import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";

/** A client that has sent so many requests more without waiting for an answer is cut off. */
const MOST_WAITING = 16;

const waitingOn = new WeakMap<Socket, number>();

/**
 * Cuts off clients that send request after request on one connection and do not wait for answers, on every route: what
 * is answered, refusals too, has to be kept until the answers before it have been read.
 */
export function boundPipelines(app: FastifyInstance): void {
  app.addHook("onRequest", (_request, reply, next) => {
    const response = reply.raw;
    if (response.socket === null && !mayWait(response)) reply.hijack();
    else next();
  });
}

/** @returns whether its connection goes on */
function mayWait(response: ServerResponse): boolean {
  const { socket } = response.req;
  const waiting = waitingOn.get(socket) ?? 0;
  if (waiting === MOST_WAITING) socket.destroy();
  if (socket.destroyed) return false;
  waitingOn.set(socket, waiting + 1);
  response.once("socket", () => waitingOn.set(socket, (waitingOn.get(socket) as number) - 1));
  return true;
}

/**
 * Serves a request when those before it on its connection have been answered, also where the client has not waited for
 * that.
 */
export function inTurn(response: ServerResponse, serve: () => void): void {
  if (response.socket === null) response.once("socket", serve);
  else serve();
}

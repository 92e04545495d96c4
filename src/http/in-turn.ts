import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** A client that has sent so many requests more without waiting for an answer is cut off. */
const MOST_WAITING = 16;

const waitingOn = new WeakMap<Socket, number>();

/**
 * Serves a request when those before it on its connection have been answered, also where the client has not waited for
 * that: what is answered at once would have to be kept until the answers before it are over.
 */
export function inTurn(response: ServerResponse, serve: () => void): void {
  if (response.socket !== null) return serve();
  const { socket } = response.req;
  const waiting = waitingOn.get(socket) ?? 0;
  if (waiting === MOST_WAITING) return void socket.destroy();
  waitingOn.set(socket, waiting + 1);
  response.once("socket", () => {
    waitingOn.set(socket, (waitingOn.get(socket) as number) - 1);
    serve();
  });
}

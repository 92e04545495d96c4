import { setImmediate as nextTurn } from "node:timers/promises";
import { type WireAnswer, readAnswer } from "./wire-messages.ts";
import { type RawClient, rawClient } from "./raw-client.ts";

/** A gateway that takes so long has lost the request. */
const LOST_MS = 20_000;

/** Asks one thing after the other, on one connection as long as that is left open, and reads strictly. */
export class WireClient {
  readonly #url: string;
  #connection: RawClient | null = null;
  #read = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /**
   * @param request bytes; each of its parts is sent by itself
   * @returns null where the connection was closed without an answer
   * @throws where the answer is no HTTP, or there is more than one
   */
  async ask(...request: readonly Buffer[]): Promise<WireAnswer | null> {
    this.#connection ??= await rawClient(this.#url);
    const { socket, text, closed } = this.#connection;
    const { promise, resolve, reject } = Promise.withResolvers<WireAnswer | null>();
    const look = (over: boolean) => {
      try {
        const read = readAnswer(text(), this.#read, over);
        if (read === null) {
          if (over) resolve(null);
          return;
        }
        this.#read = read.end;
        if (read.message.status < 200) return look(over);
        if (!over && text().length > read.end)
          throw new Error(`more than an answer: ${text().slice(read.end)}`);
        resolve(read.message);
      } catch (error) {
        reject(error);
      }
    };
    const onData = () => look(false);
    const lost = setTimeout(() => reject(new Error("no answer")), LOST_MS);
    socket.on("data", onData);
    void closed.then(() => look(true));
    for (const part of request) {
      socket.write(part);
      // What is written in one turn may leave as one.
      if (request.length > 1) await nextTurn();
    }
    try {
      const answer = await promise;
      if (answer === null || !answer.whole || answer.headers.get("connection")?.includes("close") === true) {
        await closed;
        this.#forget();
      }
      return answer;
    } finally {
      clearTimeout(lost);
      socket.off("data", onData);
    }
  }

  close(): void {
    this.#connection?.socket.destroy();
    this.#forget();
  }

  #forget(): void {
    this.#connection = null;
    this.#read = 0;
  }
}

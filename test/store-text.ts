import type { MessageListener } from "../src/control/store.ts";

/** What tests put into stores, and find there, as text. */
export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

/** "null" for none. */
export function text(content: Uint8Array | null): string {
  return content === null ? "null" : new TextDecoder().decode(content);
}

/** Finishes all messages that it is given. @param into what they say is added here */
export function collect(into: string[]): MessageListener {
  return async (messages) => {
    into.push(...messages.map(text));
    return messages.length;
  };
}

import { mix } from "../../../src/routing/mix.ts";

/** What an engine makes of a prompt: each word is a token. */
export interface Tokenized {
  readonly inputTokens: number;
  /** Of each whole block, a hash of all text up to its end. */
  readonly blocks: readonly number[];
}

/** A template that writes the messages' texts one after the other. */
export function tokenized(messages: readonly { readonly content: string }[], blockTokens: number): Tokenized {
  const blocks: number[] = [];
  let inputTokens = 0;
  let a = 1;
  let b = 2;
  for (const { content } of messages) {
    for (const word of content.split(" ")) {
      for (let i = 0; i < word.length; i++) {
        const code = word.charCodeAt(i);
        a = Math.imul(a ^ code, 0x01000193);
        b = Math.imul(b ^ code, 0x85ebca6b) + 1;
      }
      a ^= 32;
      if (++inputTokens % blockTokens === 0) blocks.push(mix(a) * 0x20_0000 + (mix(b) >>> 11));
    }
  }
  return { inputTokens, blocks };
}

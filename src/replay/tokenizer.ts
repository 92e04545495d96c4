import { InputError } from "../lib/errors.ts";
import type { TokenCounter } from "../formats/traces/row-reader.ts";

/** A model's tokenizer. */
export interface Tokenizer extends TokenCounter {
  /** As it writes its tokens. */
  readonly vocabulary: Iterable<string>;
}

/** Of the library, what is used: its own types name files that a strict resolution does not find. */
interface Library {
  readonly Tokenizer: new (
    tokenizer: unknown,
    config: object,
  ) => {
    encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly number[] };
    get_vocab(): ReadonlyMap<string, number>;
  };
}

/**
 * A tokenizer from a `tokenizer.json` of Hugging Face, by the library @huggingface/tokenizers, which is loaded here.
 * Special tokens, such as those of a chat template, are not counted.
 * @throws InputError where the file is none
 */
export async function openTokenizer(bytes: Uint8Array, source: string): Promise<Tokenizer> {
  const library = (await import("@huggingface/tokenizers")) as unknown as Library;
  try {
    const written: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const tokenizer = new library.Tokenizer(written, {});
    const count = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids.length;
    // Whatever is wrong with it shows here, not at the first prompt.
    if (count("a text") === 0) throw new Error("counts no tokens");
    return { name: `tokenizer ${source}`, count, vocabulary: tokenizer.get_vocab().keys() };
  } catch (error) {
    const why = (error as Error).message;
    throw new InputError(
      source,
      "",
      `is no tokenizer that can be read (${why}); name a model's tokenizer.json`,
    );
  }
}

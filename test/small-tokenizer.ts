/** Letters by themselves are so much less likely than words. */
const LETTER = -10;
const WORD = -1;

/**
 * A unigram tokenizer as Hugging Face writes them, of ASCII signs and these words, each a token of its own at the begin
 * of a text and behind a space.
 */
export function smallTokenizer(words: readonly string[]): Uint8Array {
  const letters = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  return Buffer.from(
    JSON.stringify({
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: metaspace,
      post_processor: null,
      decoder: metaspace,
      model: {
        type: "Unigram",
        unk_id: 0,
        vocab: [
          ["<unk>", 0],
          ...["▁", ...letters].map((letter) => [letter, LETTER]),
          ...words.map((word) => [`▁${word}`, WORD]),
        ],
      },
    }),
  );
}

/** So many words of three letters and more, none of them in English. */
export function madeUpWords(count: number): string[] {
  return Array.from(
    { length: count },
    (_, i) => `zq${String.fromCharCode(97 + (i % 26))}${"x".repeat(i / 26)}`,
  );
}

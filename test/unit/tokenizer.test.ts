import { describe, expect, it } from "vitest";
import { InputError } from "../../src/lib/errors.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { promptMessages, promptText } from "../../src/replay/prompt.ts";
import { PLAIN_WORDS, wordsOf } from "../../src/replay/prompt-words.ts";
import { openTokenizer } from "../../src/replay/tokenizer.ts";
import { madeUpWords, smallTokenizer } from "../small-tokenizer.ts";
import { readText } from "../trace-reading.ts";

const ENGLISH = PLAIN_WORDS.words.slice(0, 40);
const own = madeUpWords(50);
const open = (words: readonly string[]) => openTokenizer(smallTokenizer(words), "t");

describe("a model's tokenizer", () => {
  it("counts text as the model does, and not special tokens", async () => {
    const tokenizer = await open(ENGLISH);
    expect(tokenizer.name).toBe("tokenizer t");
    expect(tokenizer.count(ENGLISH.join(" "))).toBe(40);
    expect(tokenizer.count("zzz able")).toBe(5);
    expect(tokenizer.count("")).toBe(0);
  });

  it("gives prompts of exactly as many tokens, of words that it has whole", async () => {
    const tokenizer = await open(ENGLISH);
    const words = wordsOf(tokenizer);
    expect(words).toEqual({ words: ENGLISH, countedBy: "tokenizer t", count: expect.any(Function) });
    const request = { arrivalMs: 0, outputTokens: 1, prefixBlocks: [3, 1, 4], blockTokens: 16 };
    for (const inputTokens of [1, 2, 16, 47, 48, 700]) {
      const text = promptText({ ...request, inputTokens }, 0, 1, words);
      expect(tokenizer.count(text)).toBe(inputTokens);
    }
  });

  it("uses its own words where it has too few of English", async () => {
    const tokenizer = await open([...ENGLISH.slice(0, 5), ...own]);
    const { words } = wordsOf(tokenizer);
    expect(words).toEqual(expect.arrayContaining(ENGLISH.slice(0, 5)));
    expect(words.length).toBeGreaterThanOrEqual(32);
    expect(tokenizer.count(words.join(" "))).toBe(words.length);
  });

  it("is refused where it has too few words, or is none", async () => {
    const few = await open(own.slice(0, 3));
    expect(() => wordsOf(few)).toThrow(InputError);
    expect(() => wordsOf(few)).toThrow("tokenizer t: has fewer than 32 words of one token each; name");
    const none = openTokenizer(Buffer.from('{"model":{}}'), "t");
    await expect(none).rejects.toThrow(
      /^t: is no tokenizer that can be read \(.+\); name a model's tokenizer\.json$/,
    );
    await expect(openTokenizer(Buffer.from("no json"), "t")).rejects.toThrow(InputError);
  });

  it("counts the text of traces, which then says so", async () => {
    const counter = await open(ENGLISH);
    const text = JSON.stringify([
      {
        id: "a",
        conversations: [
          { from: "human", value: "zz able" },
          { from: "gpt", value: "above zzz" },
        ],
      },
    ]);
    const { requests, reading } = readText(text, { counter });
    expect(requests[0]).toMatchObject({ inputTokens: 4, outputTokens: 5 });
    expect(reading.lengths).toBe("tokenizer t");
    expect(readText(text).reading.lengths).toBe("words");
  });
});

const request: TraceRequest = { arrivalMs: 0, inputTokens: 40, outputTokens: 3 };
const wordsIn = (text: string) => text.split(" ");

describe("a prompt of a conversation", () => {
  it("goes on where the turn before ended: what it asked, what stands for its answer, what is new", () => {
    const first = promptText({ ...request, session: "s", turn: 1 }, 0, 1);
    const second = promptText({ ...request, inputTokens: 90, session: "s", turn: 2 }, 7, 1);
    expect(wordsIn(second)).toHaveLength(90);
    expect(wordsIn(second).slice(0, 40)).toEqual(wordsIn(first));
    const other = promptText({ ...request, session: "t", turn: 1 }, 0, 1);
    expect(other).not.toBe(first);
    expect(promptText({ ...request, session: "s", turn: 1 }, 0, 2)).not.toBe(first);
  });

  it("has the trace's blocks where these are known, in their own size", () => {
    const of = (prefixBlocks: readonly number[], index: number) =>
      wordsIn(promptText({ ...request, session: "s", prefixBlocks, blockTokens: 16 }, index, 1));
    const [a, b] = [of([1, 2], 0), of([1, 3], 1)];
    expect(a.slice(0, 16)).toEqual(b.slice(0, 16));
    expect(a.slice(16, 32)).not.toEqual(b.slice(16, 32));
    // Behind the blocks each has its own text.
    expect(a.slice(32)).not.toEqual(b.slice(32));
  });
});

describe("a prompt that the trace holds", () => {
  const messages = [
    { role: "user", content: "Why?" },
    { role: "assistant", content: null, tokens: 12 },
    { role: "user", content: "And then?" },
  ];

  it("is sent as it is, with an answer of the right length where it has none", () => {
    const sent = promptMessages({ ...request, messages, session: "s" }, 3, 1);
    expect(sent.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(sent[0].content).toBe("Why?");
    expect(wordsIn(sent[1].content)).toHaveLength(12);
    // The next turn repeats it.
    const next = [
      ...messages,
      { role: "assistant", content: null, tokens: 2 },
      { role: "user", content: "So?" },
    ];
    expect(promptMessages({ ...request, messages: next, session: "s" }, 9, 1).slice(0, 3)).toEqual(sent);
    expect(promptText({ ...request, messages, session: "s" }, 3, 1)).toBe(
      sent.map(({ content }) => content).join("\n\n"),
    );
  });

  it("may be one text", () => {
    expect(promptText({ ...request, prompt: "Why?" }, 0, 1)).toBe("Why?");
    expect(promptMessages({ ...request, prompt: "Why?" }, 0, 1)).toEqual([{ role: "user", content: "Why?" }]);
  });
});

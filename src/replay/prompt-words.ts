import { InputError } from "../lib/errors.ts";
import type { TextCounter } from "./answer/answer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Words of one token each, of which prompts are made. */
export interface PromptWords {
  readonly words: readonly string[];
  /** How their tokens are known, as reports put it. */
  readonly countedBy: string;
  /** Counts the tokens of other text; null where no tokenizer is known. */
  readonly count: TextCounter | null;
}

/**
 * One token each, at the start of a text and after a space, in GPT-2's, p50k, cl100k, o200k and Llama 3's vocabularies
 * (checked with gpt-tokenizer 3 and llama3-tokenizer-js 1).
 */
const WORDS = `
able above after age also among answer area ask back base beat begin better block board bone born box 
bring burn call care case cause center chart child city class clock cloud color come cool corn count 
cover cross danger deal degree direct does door down dress drop each early easy edge eight else energy 
enter event every face fair far fast feel few figure final finger first five floor fly food force form 
free friend fruit fun get glass got grass green group hair hand has have heat held here hill hit hole hot 
house hunt inch join jump key king land last lay learn left length letter lie light line live long lot 
low major many market master may meet middle mile minute mix month more motion mouth music name near need 
next nine note now off office old one order other over page parent party path people phrase piece plan 
planet please port power pretty push quick race rail ran rather ready reason region reply rich right 
river rock root round rule safe sand save school sea seat see self send set shape she shell shop should 
sign simple single six skin sleep social some soon south speed spot square star stay steel still stood 
story street study sun table take tell term thank the then these thing third though throw tone tool touch 
track travel trip tube two unit use verb view walk want wash water wear weight were what where while why 
wild wind wing with word would wrong yellow yet
`
  .trim()
  .split(/\s+/);

/** A word for a token: exact for the vocabularies above. */
export const PLAIN_WORDS: PromptWords = { words: WORDS, countedBy: "words", count: null };

/** Fewer would make prompts too much alike. */
const FEWEST = 32;
const MOST = 256;
/** How vocabularies write a word after a space: byte-level BPE, SentencePiece. */
const AFTER_SPACE = /^[Ġ▁]([a-z]{3,8})$/;

/**
 * Words of one token each in a tokenizer's vocabulary: those above as far as they are, else its own.
 * @throws InputError where it has too few
 */
export function wordsOf(tokenizer: Tokenizer): PromptWords {
  const known = WORDS.filter((word) => isOneToken(word, tokenizer));
  const words = known.length >= FEWEST ? known : [...known, ...ownWords(tokenizer)].slice(0, MOST);
  if (words.length < FEWEST || tokenizer.count(words.join(" ")) !== words.length) {
    const hint = `has fewer than ${FEWEST} words of one token each; name the tokenizer of a language model`;
    throw new InputError(tokenizer.name, "", hint);
  }
  return { words, countedBy: tokenizer.name, count: tokenizer.count };
}

/** As it stands at the begin of a text, and behind a space. */
function isOneToken(word: string, { count }: Tokenizer): boolean {
  return count(word) === 1 && count(`${word} ${word} ${word}`) === 3;
}

function ownWords(tokenizer: Tokenizer): string[] {
  const own: string[] = [];
  for (const entry of tokenizer.vocabulary) {
    const word = AFTER_SPACE.exec(entry)?.[1];
    if (word !== undefined && !WORDS.includes(word) && isOneToken(word, tokenizer)) own.push(word);
    if (own.length === MOST) break;
  }
  return own;
}

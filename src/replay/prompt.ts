import { Rng } from "../lib/rng.ts";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../model/traffic.ts";

/**
 * Words that are one token each, at the start of a text and after a space, in GPT-2's, p50k, cl100k, o200k
 * and Llama 3's vocabularies (checked with gpt-tokenizer 3 and llama3-tokenizer-js 1).
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

/** Random streams: the text of a shared prefix block, and a request's own text. */
const BLOCK = 0;
const OWN = 1;

/**
 * A prompt of as many words (≈ tokens, the server's chat template not counted) as the request has input
 * tokens, at least one. A prefix block's text depends on the seed and its id only, so that equal prefixes
 * of a trace are equal text; what follows the blocks is the request's own.
 * @param index the request's position in the trace
 */
export function promptText(request: TraceRequest, index: number, seed: number): string {
  const wanted = Math.max(1, request.inputTokens);
  const words: string[] = [];
  for (const block of request.prefixBlocks ?? []) {
    append(words, new Rng(seed, BLOCK, block), Math.min(PREFIX_BLOCK_TOKENS, wanted - words.length));
  }
  append(words, new Rng(seed, OWN, index), wanted - words.length);
  return words.join(" ");
}

function append(words: string[], rng: Rng, count: number): void {
  for (let i = 0; i < count; i++) words.push(WORDS[rng.below(WORDS.length)]);
}

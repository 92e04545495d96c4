import { readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { readRegularFile } from "../../files/read-regular-file.ts";
import { InputError } from "../../lib/errors.ts";
import { openTokenizer, type Tokenizer } from "../../replay/tokenizer.ts";

const FILE = "tokenizer.json";
/** Those of the largest vocabularies have some 30 MB. */
const RULES = { mostBytes: 1 << 28, smaller: "name a model's tokenizer.json", followLinks: true };

/**
 * A tokenizer that lies on this machine.
 * @param named a tokenizer.json, its folder, or a model whose files are in Hugging Face's cache
 * @throws InputError
 */
export async function findTokenizer(named: string): Promise<Tokenizer> {
  const path = await tokenizerPath(named);
  return openTokenizer(await readRegularFile(path, RULES), named);
}

async function tokenizerPath(named: string): Promise<string> {
  const there = await stat(named).catch(() => null);
  if (there?.isDirectory()) return join(named, FILE);
  if (there !== null) return named;
  const snapshots = join(cacheFolder(), `models--${named.replaceAll("/", "--")}`, "snapshots");
  for (const name of await readdir(snapshots).catch(() => [])) {
    const path = join(snapshots, name, FILE);
    if ((await stat(path).catch(() => null)) !== null) return path;
  }
  const hint = `is '${named}', which is no file, and no model in ${cacheFolder()}; give the path of its ${FILE}`;
  throw new InputError("--tokenizer", "", hint);
}

/** Where Hugging Face's libraries keep what they download. */
function cacheFolder(): string {
  const { HF_HUB_CACHE: cache, HF_HOME: home = join(homedir(), ".cache", "huggingface") } = process.env;
  return cache ?? join(home, "hub");
}

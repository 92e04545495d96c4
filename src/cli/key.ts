import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { Command, Option } from "commander";
import { keyHash } from "../config/operator-key.ts";
import { InputError } from "../lib/errors.ts";
import { jsonOption } from "./options.ts";
import { output } from "./output.ts";

interface KeyFlags {
  readonly id: string;
  readonly role: "client" | "operator" | "engine";
  readonly stdin?: true;
  readonly json?: true;
}

const KEY_BYTES = 32;
/** A shorter one can be found by trying all. */
const SHORTEST = 20;

/** `key`: a new API key, and what a configuration keeps of it. */
export function keyCommand(): Command {
  return new Command("key")
    .description("Make an API key, and the line of `access.keys` that knows it again.")
    .option("--id <name>", "what the key is called in the configuration", "my-key")
    .addOption(
      new Option("--role <role>", "who holds it").choices(["client", "operator", "engine"]).default("client"),
    )
    .option("--stdin", "take a key that there is from standard input, in place of a new one")
    .addOption(jsonOption())
    .exitOverride()
    .action(makeKey);
}

async function makeKey({ id, role, stdin, json }: KeyFlags): Promise<void> {
  const key = stdin === true ? await given() : `sk-${randomBytes(KEY_BYTES).toString("base64url")}`;
  const hash = `sha256:${keyHash(key)}`;
  const of = role === "client" ? "" : `, role: ${role}`;
  const line = `${JSON.stringify(id)}: { hash: "${hash}"${of} }`;
  const shown = stdin === true ? {} : { key };
  const told = stdin === true ? "" : `The key, which nothing keeps (give it to who asks):\n  ${key}\n`;
  output(json ?? false).result(
    { id, role, ...shown, hash },
    `${told}For access.keys, or the file that access.keysFile names:\n  ${line}`,
  );
}

async function given(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) {
    const key = line.trim();
    if (key.length >= SHORTEST) return key;
    break;
  }
  throw new InputError(
    "standard input",
    "",
    `holds no key of at least ${SHORTEST} signs; write it there in one line`,
  );
}

import { resolve } from "node:path";
import { z } from "zod";
import { type SourceOf, faultAt } from "./place.ts";
import { readKey } from "./read-key.ts";

/** Tokens of the blocks that routing hashes: those of a trace are made of whole ones. */
const HASHED_TOKENS = 64;
const LEAST_SALT = 16;
const LEAST_FILE_BYTES = 65_536;
const MOST_FILE_BYTES = 1 << 30;

export const captureSchema = z.strictObject({
  directory: z.string().min(1).nullable(),
  sample: z.number().positive().max(1),
  maxFileBytes: z.int().min(LEAST_FILE_BYTES).max(MOST_FILE_BYTES),
  maxFiles: z.int().min(2).max(10_000),
  blockTokens: z
    .int()
    .positive()
    .multipleOf(HASHED_TOKENS, `expected a multiple of ${HASHED_TOKENS}`)
    .max(65_536),
  saltEnv: z
    .string()
    .regex(
      /^[A-Za-z_][A-Za-z0-9_]*$/,
      "expected the name of an environment variable that holds the salt, never the salt itself",
    )
    .nullable(),
  names: z.boolean(),
  routedTokens: z.int().nonnegative().max(1024),
  text: z.boolean(),
});

/** What is recorded of live traffic, and where. */
export interface CaptureConfig extends Readonly<Omit<z.output<typeof captureSchema>, "saltEnv">> {
  /** Absolute; null to record nothing. */
  readonly directory: string | null;
  /** Hides names and prompts; null for one that nobody knows. */
  readonly salt: string | null;
}

/**
 * @param workers processes that write to the directory
 * @param folder from where its path leads
 * @throws InputError
 */
export function readCapture(
  { saltEnv, ...written }: z.output<typeof captureSchema>,
  { workers, folder }: { readonly workers: number; readonly folder: string },
  sourceOf: SourceOf,
  environment: NodeJS.ProcessEnv,
): CaptureConfig {
  const { directory, maxFiles } = written;
  if (directory !== null && maxFiles <= workers) {
    const place = { sourceOf, field: ["capture", "maxFiles"] };
    throw faultAt(
      place,
      `is ${maxFiles}; expected more than \`workers\`, which is ${workers}: each writes to one`,
    );
  }
  const salt = saltEnv === null || directory === null ? null : readSalt(saltEnv, sourceOf, environment);
  return { ...written, directory: directory === null ? null : resolve(folder, directory), salt };
}

/** One that can be guessed hides nothing. */
function readSalt(saltEnv: string, sourceOf: SourceOf, environment: NodeJS.ProcessEnv): string {
  const place = { sourceOf, field: ["capture", "saltEnv"] };
  const salt = readKey(saltEnv, place, environment);
  if (salt.length >= LEAST_SALT) return salt;
  throw faultAt(
    place,
    `names a variable with ${salt.length} characters; expected ${LEAST_SALT} or more, drawn at random`,
  );
}

/** What a person should know who records text. */
export function captureNotes({ directory, text }: CaptureConfig): readonly string[] {
  return directory === null || !text
    ? []
    : [`capture.text: is true: whole requests, with their prompts, are written to ${directory}`];
}

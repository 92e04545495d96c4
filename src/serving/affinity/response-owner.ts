import { hash, randomBytes } from "node:crypto";

/** Engines take no id that begins otherwise. */
const BEGINNING = "resp_";
const RANDOM_BYTES = 16;
const RANDOM_DIGITS = 2 * RANDOM_BYTES;
const OWNER_DIGITS = 32;

/**
 * An id for a response that its server may keep: nobody guesses it, and it says for whom it was made, to every process
 * and after every restart. Nobody can write another owner into it, since the server knows it as a whole.
 */
export function ownedId(owner: string): string {
  const random = randomBytes(RANDOM_BYTES).toString("hex");
  return BEGINNING + random + markOf(random, owner);
}

/** Whether `ownedId` made it for that owner. */
export function isOwnedBy(id: string, owner: string): boolean {
  const random = id.slice(BEGINNING.length, BEGINNING.length + RANDOM_DIGITS);
  return id === BEGINNING + random + markOf(random, owner);
}

/** Another one in each id: ids do not tell which of them are of one owner. */
function markOf(random: string, owner: string): string {
  return hash("sha256", `${random} ${owner}`, "hex").slice(0, OWNER_DIGITS);
}

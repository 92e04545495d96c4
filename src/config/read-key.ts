import { type Place, faultAt } from "./place.ts";

/** What a header's value may hold: what prints in Latin-1, and blanks inside. */
const SENDABLE = /^[\x21-\x7e\xa0-\xff](?:[\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?$/;
/** What is surely a variable's name; anything else may be the key itself, put there by mistake. */
const SURELY_A_NAME = /^[A-Z]{1,20}(?:_[A-Z]{1,20}){1,5}$/;

/**
 * The key that a variable holds, without the blanks and the line feed that a file leaves around it. No message repeats
 * it, nor what may be one.
 * @param place where the variable is named
 * @throws InputError
 */
export function readKey(variable: string, place: Place, environment: NodeJS.ProcessEnv): string {
  const name = SURELY_A_NAME.test(variable) ? variable : "a variable";
  const key = environment[variable]?.trim() ?? "";
  if (key === "")
    throw faultAt(place, `names ${name}, which is not set; expected a variable that holds the key`);
  if (SENDABLE.test(key)) return key;
  const hint = `names ${name}, whose value no header can hold: it has a line break or a sign beyond Latin-1; expected the key alone`;
  throw faultAt(place, hint);
}

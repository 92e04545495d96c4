import { nearestWord } from "../lib/edit-distance.ts";

/** What is wrong with a name that nothing has, in one clause. @param expected what to write where none is near */
export function unknownName(name: string, known: readonly string[], expected: string): string {
  const near = nearestWord(name, known);
  return `is "${name}", which there is not; ${near === null ? expected : `did you mean \`${near}\`?`}`;
}

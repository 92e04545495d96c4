import { InputError } from "../lib/errors.ts";

/** Which file, with line and column, or which variable a field came from. */
export type SourceOf = (field: readonly PropertyKey[]) => string;

/** Where in a configuration something is written. */
export interface Place {
  readonly sourceOf: SourceOf;
  readonly field: readonly PropertyKey[];
}

export function inside({ sourceOf, field }: Place, ...keys: readonly PropertyKey[]): Place {
  return { sourceOf, field: [...field, ...keys] };
}

/** @param hint what is wrong there and what would be right */
export function faultAt({ sourceOf, field }: Place, hint: string): InputError {
  return new InputError(sourceOf(field), fieldName(field), hint);
}

/** `pools[0].urls[1]` */
export function fieldName(field: readonly PropertyKey[]): string {
  return field
    .map((key, i) => (typeof key === "number" ? `[${key}]` : `${i === 0 ? "" : "."}${String(key)}`))
    .join("");
}

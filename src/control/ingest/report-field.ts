import { InputError } from "../../lib/errors.ts";

/** @throws InputError naming the field */
export function wholeNumber(field: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw fault(field, value, "a whole number ≥ 0");
}

export function fault(field: string, found: unknown, expected: string): InputError {
  return new InputError("body", field, `is ${described(found)}; expected ${expected}`);
}

function described(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "number") return `${value}`;
  return typeof value === "object" && value !== null ? "an object" : JSON.stringify(value).slice(0, 40);
}

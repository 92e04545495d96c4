import type { z } from "zod";
import { InputError } from "../lib/errors.ts";
import { oneLine } from "../lib/printable.ts";
import { mendSetting } from "./known-settings.ts";
import { type Place, type SourceOf, faultAt } from "./place.ts";
import { looksSecret, sayExpected, sayFound } from "./say-problem.ts";

/** More would hide the first. */
const MOST_TOLD = 10;

/**
 * Checks data against a schema.
 * @param sourceOf which file or variable a field came from
 * @throws InputError of the first problem, with the others beside
 */
export function checkShape<S extends z.ZodType>(schema: S, data: unknown, sourceOf: SourceOf): z.output<S> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  // A name that is written wrong is also missing: what it should be is said first.
  const unknownFirst = parsed.error.issues.toSorted((a, b) => Number(isUnknown(b)) - Number(isUnknown(a)));
  const problems = firstOfEach(unknownFirst).flatMap((issue) => problemsOf(issue, schema, data, sourceOf));
  const [first, ...others] = problems.slice(0, MOST_TOLD);
  throw InputError.ofSeveral(first, others);
}

/** What is of the wrong type is not also too short. */
function firstOfEach(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  const said = new Set<string>();
  return issues.filter((issue) => {
    if (isUnknown(issue)) return true;
    const key = JSON.stringify(issue.path.map(String));
    const first = !said.has(key);
    said.add(key);
    return first;
  });
}

function isUnknown({ code }: z.core.$ZodIssue): boolean {
  return code === "unrecognized_keys";
}

function problemsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  data: unknown,
  sourceOf: SourceOf,
): readonly InputError[] {
  const place: Place = { sourceOf, field: issue.path };
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => unknownSetting(key, mendSetting(schema, data, issue.path, key), place));
  const found = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | null)?.[key],
    data,
  );
  return [faultAt(place, `${sayFound(found, issue.path)}; ${sayExpected(issue, found)}`)];
}

/** It is named where it stands. */
function unknownSetting(key: string, hint: string, { sourceOf, field }: Place): InputError {
  const at: Place = { sourceOf: () => sourceOf([...field, key]), field };
  const name = looksSecret(key) ? "of a name that may be a key" : `\`${oneLine(key, 60)}\``;
  return faultAt(at, `has no setting ${name}; ${hint}`);
}

import type { z } from "zod";
import { InputError } from "../lib/errors.ts";
import { oneLine } from "../lib/one-line.ts";
import { mendSetting } from "./known-settings.ts";
import { type Place, type SourceOf, faultAt } from "./place.ts";
import { sayExpected, sayFound } from "./say-problem.ts";

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
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, schema, data, sourceOf));
  const [first, ...others] = problems.slice(0, MOST_TOLD);
  throw InputError.ofSeveral(first, others);
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
function unknownSetting(key: string, mend: string, { sourceOf, field }: Place): InputError {
  const at: Place = { sourceOf: () => sourceOf([...field, key]), field };
  return faultAt(at, `has no setting \`${oneLine(key, 60)}\`; ${mend}`);
}

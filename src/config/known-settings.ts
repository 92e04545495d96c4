import { z } from "zod";
import { nearestWord } from "../lib/edit-distance.ts";
import { fieldName } from "./place.ts";

/** A JSON Schema, as far as it is looked into here. */
interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly additionalProperties?: Shape | boolean;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly const?: unknown;
}

/**
 * What a person most likely meant by a setting that is not known there.
 * @param field where the setting stands
 * @param data what was written, which says which kind of pool that is
 * @returns the name of a setting there, or the path of one elsewhere; null where nothing is near
 */
export function meantSetting(
  schema: z.ZodType,
  data: unknown,
  field: readonly PropertyKey[],
  name: string,
): string | null {
  const whole = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Shape;
  const here = namesAt(whole, data, field);
  const elsewhere = settingPaths(whole, []).filter((path) => path.at(-1) === name);
  // Written alike but for its case or its dashes.
  const plain = (word: string) => word.replaceAll(/[-_]/g, "").toLowerCase();
  const alike = here.find((known) => plain(known) === plain(name));
  if (alike !== undefined) return alike;
  if (elsewhere.length > 0) return fieldName(elsewhere[0]);
  return nearestWord(name, here);
}

function namesAt(whole: Shape, data: unknown, field: readonly PropertyKey[]): readonly string[] {
  let shapes = choices(whole, data);
  let found = data;
  for (const key of field) {
    found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key];
    const within = found;
    shapes = shapes.flatMap((shape) => inner(shape, key)).flatMap((shape) => choices(shape, within));
  }
  return shapes.flatMap(({ properties }) => Object.keys(properties ?? {}));
}

function inner(
  { properties, items, additionalProperties: other }: Shape,
  key: PropertyKey,
): readonly Shape[] {
  const own = typeof key === "number" ? items : properties?.[String(key)];
  if (own !== undefined) return [own];
  return typeof other === "object" ? [other] : [];
}

/** The forms that what was written may have: those of its `kind` where it names one that is known. */
function choices(shape: Shape, data: unknown): readonly Shape[] {
  const options = shape.oneOf ?? shape.anyOf;
  if (options === undefined) return [shape];
  const kind = (data as { readonly kind?: unknown } | null | undefined)?.kind;
  const own = options.filter((option) => option.properties?.["kind"]?.const === kind && kind !== undefined);
  return own.length > 0 ? own : options;
}

/** Every setting by its path; the first item stands for all of a list. */
function settingPaths(shape: Shape, path: readonly PropertyKey[]): readonly (readonly PropertyKey[])[] {
  const options = shape.oneOf ?? shape.anyOf ?? [];
  return [
    ...options.flatMap((option) => settingPaths(option, path)),
    ...Object.entries(shape.properties ?? {}).flatMap(([name, value]) => [
      [...path, name],
      ...settingPaths(value, [...path, name]),
    ]),
    ...(shape.items === undefined ? [] : settingPaths(shape.items, [...path, 0])),
  ];
}

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
 * What to do about a setting that is not known there, in one clause: names the one a person most likely meant.
 * @param data what was written, which says which kind of pool that is
 * @param field where the setting stands
 */
export function mendSetting(
  schema: z.ZodType,
  data: unknown,
  field: readonly PropertyKey[],
  name: string,
): string {
  const whole = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Shape;
  const here = namesAt(whole, data, field);
  const near = here.find((known) => plain(known) === plain(name)) ?? nearestWord(name, here);
  if (near !== null) return `did you mean \`${near}\`?`;
  const paths = new Map<string, string>();
  for (const path of settingPaths(whole, [])) paths.set(fieldName(path), String(path.at(-1)));
  const same = fieldName([...field.map((key) => (typeof key === "number" ? 0 : key)), name]);
  if (paths.has(same)) return "it is for another kind; remove it";
  const meant = nearestWord(plain(name), [...paths.values()].map(plain));
  const elsewhere = [...paths].find(([, last]) => plain(last) === meant);
  return elsewhere === undefined ? "remove it or correct its name" : `did you mean \`${elsewhere[0]}\`?`;
}

/** Without its case and its dashes. */
function plain(name: string): string {
  return name.replaceAll(/[-_]/g, "").toLowerCase();
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

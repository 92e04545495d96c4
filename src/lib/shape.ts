/**
 * What bytes of others must look like to be used. A shape takes what was parsed and gives it back typed and checked, or
 * throws Unreadable. Fields that a shape does not name are left out: a later version may write more.
 */
export type Shape<T> = (value: unknown, at: string) => T;

/** Bytes of others that cannot be used. The message says where and what was expected, never what was found. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

/** Where a value lies, for a message: `lost[].rank`. Places of a list are not told apart, so that messages are few. */
function fail(at: string, expected: string): never {
  throw new Unreadable(`${at === "" ? "it" : `\`${at}\``} is not ${expected}`);
}

/** Any string. */
export function text(value: unknown, at: string): string {
  return typeof value === "string" ? value : fail(at, "text");
}

/** True or false. */
export function flag(value: unknown, at: string): boolean {
  return typeof value === "boolean" ? value : fail(at, "true or false");
}

/** A finite number within bounds, which are allowed. `-0` is 0: JSON would not keep it. */
export function number(least = -Number.MAX_VALUE, most = Number.MAX_VALUE): Shape<number> {
  return (value, at) =>
    typeof value === "number" && value >= least && value <= most
      ? value + 0
      : fail(at, `a number in ${least}..${most}`);
}

/** A safe integer within bounds, which are allowed. `-0` is 0. */
export function whole(least = 0, most = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, at) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? (value as number) + 0
      : fail(at, `a whole number in ${least}..${most}`);
}

/** One of a few words. @param other for any other word, which a later version may have; without it, none is taken */
export function word<const T extends string>(words: readonly T[], other?: T): Shape<T> {
  return (value, at) => {
    const known = words.find((one) => one === value) ?? (typeof value === "string" ? other : undefined);
    return known ?? fail(at, `one of ${words.join(", ")}`);
  };
}

/** The same, or null. */
export function nullOr<T>(shape: Shape<T>): Shape<T | null> {
  return (value, at) => (value === null ? null : shape(value, at));
}

/** @param missing for what an earlier version does not write */
export function orElse<T>(shape: Shape<T>, missing: T): Shape<T> {
  return (value, at) => (value === undefined ? missing : shape(value, at));
}

/** An array of these, of any length. */
export function list<T>(of: Shape<T>): Shape<T[]> {
  return (value, at) => (Array.isArray(value) ? value.map((one) => of(one, `${at}[]`)) : fail(at, "a list"));
}

/** A list of these; what a later version has behind them is left out. */
export function tuple<T extends readonly unknown[]>(
  ...of: { readonly [K in keyof T]: Shape<T[K]> }
): Shape<T> {
  const each = of as readonly Shape<unknown>[];
  return (value, at) =>
    Array.isArray(value)
      ? (each.map((shape, i) => shape(value[i], `${at}[${i}]`)) as unknown as T)
      : fail(at, "a list");
}

/** An object with these fields. */
export function record<T extends object>(fields: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  const wanted = Object.entries<Shape<unknown>>(fields);
  return (value, at) => {
    const found = fieldsOf(value, at);
    return Object.fromEntries(
      wanted.map(([name, shape]) => [name, shape(found(name), inside(at, name))]),
    ) as T;
  };
}

/** By a name that is not known before. */
export function named<T>(of: Shape<T>): Shape<Map<string, T>> {
  return (value, at) => {
    fieldsOf(value, at);
    return new Map(Object.entries(value as object).map(([name, one]) => [name, of(one, inside(at, "*"))]));
  };
}

/** Of several records, the one that a field names. */
export function variants<T extends object>(field: string, of: Readonly<Record<string, Shape<T>>>): Shape<T> {
  const kinds = new Map(Object.entries(of));
  return (value, at) => {
    const shape = kinds.get(text(fieldsOf(value, at)(field), inside(at, field)));
    return shape === undefined
      ? fail(inside(at, field), `one of ${[...kinds.keys()].join(", ")}`)
      : shape(value, at);
  };
}

const anyNumber = number();

/** Anything in JSON, for people: nested no deeper than this. */
export function plainJson(depth = 32): Shape<unknown> {
  return (value, at) => {
    if (typeof value === "number") return anyNumber(value, at);
    if (typeof value !== "object" || value === null) return value === undefined ? fail(at, "there") : value;
    if (depth === 0) return fail(at, "nested less deeply");
    const inner = plainJson(depth - 1);
    if (Array.isArray(value)) return value.map((one) => inner(one, at));
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one, at)]));
  };
}

/** The major version that is written, and the only one that is read. What has none is of the first. */
const VERSION = 1;
const versioned = record({ v: orElse(whole(), VERSION) });

/** An object as JSON, with the version. */
export function writeJson(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: VERSION, ...value }));
}

/** @throws Unreadable, also for what a later major version has written */
export function readJson<T>(bytes: Uint8Array, shape: Shape<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return fail("", "JSON");
  }
  checkVersion(versioned(value, "").v);
  return shape(value, "");
}

/** @throws Unreadable */
export function checkVersion(version: number): void {
  if (version !== VERSION)
    throw new Unreadable(`it is of another version than ${VERSION}, which is the one that is read here`);
}

/** @param fault what a value may not be, e.g. for a list whose length another field gives */
export function demand(holds: boolean, fault: string): void {
  if (!holds) throw new Unreadable(fault);
}

function fieldsOf(value: unknown, at: string): (name: string) => unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail(at, "an object");
  return (name) => (Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined);
}

function inside(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

/** Longer texts name no tenant. */
const LONGEST = 128;

/** What a token says under a name, or at a path of names; undefined for nothing. */
export function claimAt(claims: object, path: string): unknown {
  if (Object.hasOwn(claims, path)) return (claims as Record<string, unknown>)[path];
  let at: unknown = claims;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** A short text that can be shown, or null. */
export function textIn(value: unknown): string | null {
  return typeof value === "string" && value.length <= LONGEST && /^[\x20-\x7e]+$/.test(value) ? value : null;
}

/** Names in a list, or between blanks, as `scope` has them (RFC 6749 §3.3). */
export function rolesIn(value: unknown): readonly string[] {
  if (typeof value === "string") return value.split(" ").filter((name) => name !== "");
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}

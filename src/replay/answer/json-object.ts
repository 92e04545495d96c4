export type Json = Readonly<Record<string, unknown>>;

export function parseObject(text: string): Json | null {
  try {
    return object(JSON.parse(text));
  } catch {
    return null;
  }
}

export function object(value: unknown): Json | null {
  return typeof value === "object" && value !== null ? (value as Json) : null;
}

/** Whether anything is in it. */
export function holds(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  return !Array.isArray(value) || value.length > 0;
}

import type { ServerRole } from "../config/discover-config.ts";
import { type Place, faultAt, inside } from "../config/place.ts";
import { readServerUrl } from "../config/server-url.ts";
import type { Endpoint } from "./source.ts";

const MOST_SERVERS = 10_000;
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9._]{0,251}[A-Za-z0-9])?$/;
const KEYS = new Set(["url", "name", "role"]);
const EXPECTED = "expected a list of URLs, or of mappings with `url`, `name` and `role`";

/**
 * Servers as a file lists them: each a URL, or `{url, name, role}`. Those of another role are left out.
 * @param role of the servers that are looked for
 * @throws InputError
 */
export function readServerList(value: unknown, role: ServerRole, place: Place): readonly Endpoint[] {
  if (!Array.isArray(value))
    throw faultAt(
      place,
      value === null ? `is empty; ${EXPECTED}, or [] for none` : `is no list; ${EXPECTED}`,
    );
  if (value.length > MOST_SERVERS)
    throw faultAt(place, `lists ${value.length} servers; expected at most ${MOST_SERVERS}`);
  const urls = new Set<string>();
  const names = new Set<string>();
  const all: Endpoint[] = [];
  for (const [i, item] of value.entries()) {
    const at = inside(place, i);
    const entry = entryOf(item, at);
    const { url, authorization } = readServerUrl(entry.url, at);
    if (entry.role !== null && entry.role !== role) continue;
    if (urls.has(url)) throw faultAt(at, `names ${url} again; expected each server once`);
    if (entry.name !== null && names.has(entry.name))
      throw faultAt(at, `is called "${entry.name}" as another is; expected a name of its own`);
    urls.add(url);
    if (entry.name !== null) names.add(entry.name);
    const name = entry.name === null ? null : { name: entry.name, uid: "" };
    all.push({ url, authorization, name, state: "ready" });
  }
  return all;
}

interface Entry {
  readonly url: string;
  readonly name: string | null;
  readonly role: string | null;
}

function entryOf(item: unknown, at: Place): Entry {
  const entry = typeof item === "string" ? { url: item } : item;
  if (typeof entry !== "object" || entry === null || Array.isArray(entry))
    throw faultAt(at, "is no server; expected a URL, or a mapping with `url`");
  const { url, name = null, role = null } = entry as Record<string, unknown>;
  const odd = Object.keys(entry).find((key) => !KEYS.has(key));
  if (odd !== undefined) throw faultAt(inside(at, odd), "is not known; expected `url`, `name` and `role`");
  if (typeof url !== "string" || !isHttpUrl(url))
    throw faultAt(at, "has no URL that can be used; expected one like http://10.0.0.1:8000");
  if (name !== null && (typeof name !== "string" || !NAME.test(name)))
    throw faultAt(inside(at, "name"), "is no name; expected letters, digits, dots, dashes and underscores");
  if (role !== null && role !== "prefill" && role !== "decode")
    throw faultAt(inside(at, "role"), "is no role; expected prefill or decode, or none");
  return { url, name, role };
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

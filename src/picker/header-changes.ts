import { HOP_BY_HOP } from "../model/request-headers.ts";
import type { HeaderList } from "../serving/engine.ts";
import type { HeaderChanges } from "./wire/processing-response.ts";

/** The proxy's own: all that belongs to a connection. Frames are counted in plain text only. */
const PROXYS_OWN = new Set([...HOP_BY_HOP].filter((name) => name !== "accept-encoding"));

/** What a proxy has to do to its request, so that a server gets these headers. @param before in lower case */
export function headerChanges(before: HeaderList, after: HeaderList): HeaderChanges {
  const had = valuesByName(before);
  const wanted = valuesByName(after);
  const set: string[] = [];
  for (const [name, value] of wanted)
    if (had.get(name) !== value && !PROXYS_OWN.has(name)) set.push(name, value);
  const removed = [...had.keys()].filter((name) => !wanted.has(name) && !PROXYS_OWN.has(name));
  return { set, removed };
}

function valuesByName(headers: HeaderList): Map<string, string> {
  const values = new Map<string, string>();
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i].toLowerCase();
    const before = values.get(name);
    values.set(name, before === undefined ? headers[i + 1] : `${before}, ${headers[i + 1]}`);
  }
  return values;
}

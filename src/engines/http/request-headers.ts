import type { HeaderList } from "../../serving/engine.ts";

/** The client's headers, with `set` in place of what it sent under the same names. @param set names in lower case */
export function withHeaders(client: HeaderList, set: HeaderList): HeaderList {
  if (set.length === 0) return client;
  const headers: string[] = [];
  for (let i = 0; i < client.length; i += 2) {
    if (headerIndex(set, client[i]) < 0) headers.push(client[i], client[i + 1]);
  }
  for (const part of set) headers.push(part);
  return headers;
}

/** Where a header's name stands, −1 for nowhere. */
export function headerIndex(headers: HeaderList, name: string): number {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i].length === name.length && headers[i].toLowerCase() === name.toLowerCase()) return i;
  }
  return -1;
}

import { fileURLToPath } from "node:url";
import { InputError } from "../lib/errors.ts";
import type { HostAddress, RedisAddress, StoreAddress } from "../model/store-address.ts";

const EXPECTED =
  "expected memory, file:///path, redis://host:port/database, redis+sentinel://host:port,host:port/master or " +
  "redis+cluster://host:port,host:port (rediss for TLS; user:password@ before the hosts)";

const REDIS_URL =
  /^redis(?<tls>s?)(?:\+(?<layout>sentinel|cluster))?:\/\/(?:(?<username>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?#]+)(?:\/(?<rest>[^/?#]*))?$/;
const HOST = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/**
 * What `store.url` names. No message repeats it: it may hold a password.
 * @param source the file or variable it came from
 * @throws InputError
 */
export function readStoreUrl(url: string, source: string): StoreAddress {
  if (url === "memory") return { kind: "memory" };
  const address = elsewhere(url);
  if (address === null) throw new InputError(source, "store.url", `names no store; ${EXPECTED}`);
  return address;
}

function elsewhere(url: string): StoreAddress | null {
  try {
    return url.startsWith("file:///") ? fileAddress(url) : redisAddress(url);
  } catch {
    // Something in it is encoded, and not well.
    return null;
  }
}

function fileAddress(url: string): StoreAddress | null {
  const path = fileURLToPath(url);
  return path.endsWith("/") ? null : { kind: "file", path };
}

function redisAddress(url: string): RedisAddress | null {
  const parts = REDIS_URL.exec(url)?.groups;
  if (parts === undefined) return null;
  const { tls, layout = "standalone", username = "", password = "", rest = "" } = parts;
  const hosts = parts["hosts"].split(",").map((host) => hostAddress(host, layout));
  if (!hosts.every((host) => host !== null)) return null;
  const address = {
    kind: "redis",
    hosts,
    master: null,
    database: 0,
    tls: tls !== "",
    username: username === "" ? null : decodeURIComponent(username),
    password: password === "" ? null : decodeURIComponent(password),
  } as const;
  switch (layout) {
    case "sentinel":
      return rest === "" ? null : { ...address, layout, master: decodeURIComponent(rest) };
    case "cluster":
      return rest === "" ? { ...address, layout } : null;
    default:
      if (hosts.length > 1 || !/^\d{0,4}$/.test(rest)) return null;
      return { ...address, layout: "standalone", database: Number(rest) };
  }
}

function hostAddress(text: string, layout: string): HostAddress | null {
  const parts = HOST.exec(text)?.groups;
  if (parts === undefined) return null;
  const standard = layout === "sentinel" ? SENTINEL_PORT : REDIS_PORT;
  const port = parts["port"] === undefined ? standard : Number(parts["port"]);
  if (port < 1 || port > 65_535) return null;
  return { host: parts["host"].replace(/^\[|\]$/g, ""), port };
}

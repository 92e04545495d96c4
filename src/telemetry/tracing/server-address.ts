import type { Attributes } from "@opentelemetry/api";
import type { Shard } from "../../serving/engine.ts";

/** Of the shards that requests were last sent to; null for those in this process. */
const known = new Map<string, Address | null>();
const MOST_KNOWN = 4096;

interface Address {
  readonly host: string;
  readonly port: number;
  /** What paths are added to. */
  readonly base: string;
}

/** Where a shard's server is asked, as attributes of a client's span: nothing where it is in this process. */
export function serverAddress({ id, pool }: Shard, path: string): Attributes {
  let address = known.get(id);
  if (address === undefined) {
    address = addressOf(id.slice(pool.length + 1).replace(/@\d+$/, ""));
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(id, address);
  }
  if (address === null) return {};
  const { host, port, base } = address;
  return { "server.address": host, "server.port": port, "url.full": base + path };
}

function addressOf(url: string): Address | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port, origin, pathname } = new URL(url);
  const standard = protocol === "https:" ? 443 : 80;
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? standard : Number(port),
    base: origin + pathname.replace(/\/$/, ""),
  };
}

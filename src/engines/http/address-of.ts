import { isIP } from "node:net";

const PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/**
 * The IP address and port of a server's URL, as `10.0.0.1:8000` or `[fd00::1]:8000`. Null where it has a name in place of
 * the address, other than this machine's own, or a path that an address cannot say.
 */
export function addressOf(url: string): string | null {
  const { protocol, hostname, port, pathname } = new URL(url);
  const host = hostname === "localhost" ? "127.0.0.1" : hostname;
  if (isIP(host.replace(/^\[|\]$/g, "")) === 0 || pathname !== "/") return null;
  return `${host}:${port === "" ? PORTS[protocol] : port}`;
}

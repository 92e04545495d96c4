import type { IncomingHttpHeaders } from "node:http";

/** What browsers say of requests that a page of the same origin sends, or a person by the address bar. */
const OWN_SITES = new Set(["same-origin", "none"]);

/**
 * Whether a browser says that a page of another origin has sent the request (fetch.spec.whatwg.org, `Origin` and
 * `Sec-Fetch-Site`). What is no browser says nothing.
 */
export function isOfOtherOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && !OWN_SITES.has(site)) return true;
  const { origin, host } = headers;
  return origin !== undefined && !isOriginOf(origin, host ?? "");
}

/** Whatever the scheme is: something in front may speak TLS for the gateway. */
function isOriginOf(origin: string, host: string): boolean {
  const page = URL.parse(origin);
  return page !== null && page.host !== "" && page.host === URL.parse(`${page.protocol}//${host}`)?.host;
}

/** The host that a `Host` header names, without its port, nor the brackets of an IPv6 address. */
export function hostName(host: string): string {
  return host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}

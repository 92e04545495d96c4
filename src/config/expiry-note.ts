import { X509Certificate } from "node:crypto";

/** Who runs out of a key or a certificate so soon should know. */
const SOON_MS = 14 * 86_400_000;

/** One line for what has expired, or will soon; none else. @param expiresMs null for never */
export function expiryNotes(what: string, expiresMs: number | null, nowMs: number): readonly string[] {
  if (expiresMs === null || expiresMs > nowMs + SOON_MS) return [];
  const when = new Date(expiresMs).toISOString().slice(0, 16);
  return [`${what} ${expiresMs <= nowMs ? "has expired" : "expires"} at ${when}Z`];
}

/** When a certificate ends, in milliseconds since 1970. @param pem one that was found sound */
export function certificateEndMs(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo);
}

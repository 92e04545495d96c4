import { createHash, timingSafeEqual } from "node:crypto";

/**
 * What is kept of a key: enough to know it again, not to say it. SHA-256, in hex, so that a configuration with it can
 * be sent to another process.
 */
export function keyHash(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Whether a key is the one of the hash, in the same time for every wrong one. */
export function isKey(key: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(keyHash(key)), Buffer.from(hash));
}

import { plainJson, readJson, record, text, writeJson } from "../../lib/shape.ts";
import type { Order } from "./pool-message.ts";

/** Who gave an order, at which gateway. */
export interface AuditRecord {
  readonly by: string;
  readonly gateway: string;
  /** Also of a kind that only a later version knows. */
  readonly order: unknown;
}

const stored = record<AuditRecord>({ by: text, gateway: text, order: plainJson() });

export function encodeAuditEntry(entry: AuditRecord & { readonly order: Order }): string {
  return new TextDecoder().decode(writeJson(entry));
}

/** @throws Unreadable */
export function decodeAuditEntry(entry: string): AuditRecord {
  return readJson(new TextEncoder().encode(entry), stored);
}

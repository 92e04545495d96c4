import { isIPv6 } from "node:net";
import { type AccessConfig, asksClients, knowsOperators } from "./access-config.ts";
import type { Config } from "./config.ts";
import { certificateEndMs, expiryNotes } from "./expiry-note.ts";
import { staysHere } from "./loopback.ts";
import type { NamedFiles } from "./named-files.ts";
import type { PickerConfig } from "./picker-config.ts";
import { type SourceOf, inside } from "./place.ts";
import { readListenerTls } from "./read-tls.ts";

/** Where the gateway listens, and what it shows there. */
export interface Listeners extends Pick<Config, "http" | "listenerTls" | "picker"> {
  /** One line for each that listens on loopback alone, though another host is written, and for what expires soon. */
  readonly notes: readonly string[];
}

/** Whom the gateway knows. */
export interface Known {
  readonly access: AccessConfig;
  readonly operatorKeyHash: string | null;
}

/**
 * Where the gateway listens: beyond this machine only where somebody has to show a key, a token or a certificate.
 * @param nowMs milliseconds since 1970
 * @throws InputError for files that cannot be used
 */
export function readListeners(
  http: Config["http"],
  picker: PickerConfig | null,
  { access, operatorKeyHash }: Known,
  files: NamedFiles,
  sourceOf: SourceOf,
  nowMs: number,
): Listeners {
  const tlsOf = (tls: Config["http"]["tls"], ...at: readonly string[]) =>
    readListenerTls(tls, (setting) => inside({ sourceOf, field: [...at, "tls"] }, setting), files);
  const listenerTls = { http: tlsOf(http.tls, "http"), admin: tlsOf(http.admin.tls, "http", "admin") };
  const asksOperators = operatorKeyHash !== null || knowsOperators(access);
  const asksAnybody = asksOperators || asksClients(access);
  const notes: string[] = [];
  const heard = (setting: string, host: string, isOpen: boolean) => {
    if (isOpen || staysHere(host)) return host;
    const here = isIPv6(host) ? "::1" : "127.0.0.1";
    notes.push(
      `${setting}: is ${host}, beyond loopback, and there is no key: it listens on ${here} only; ${HINT}`,
    );
    return here;
  };
  const hasClientCa = (tls: { readonly clientCa: string | null } | null) => (tls?.clientCa ?? null) !== null;
  const shown = [
    ["http.tls", listenerTls.http],
    ["http.admin.tls", listenerTls.admin],
    ["picker", picker?.tls ?? null],
  ] as const;
  for (const [setting, tls] of shown)
    if (tls !== null)
      notes.push(...expiryNotes(`${setting}: the certificate`, certificateEndMs(tls.cert), nowMs));
  const { admin } = http;
  return {
    http: {
      ...http,
      host: heard("http.host", http.host, asksAnybody || hasClientCa(listenerTls.http)),
      admin: {
        ...admin,
        host: admin.port === null ? admin.host : heard("http.admin.host", admin.host, asksOperators),
      },
    },
    picker: picker && {
      ...picker,
      host: heard("picker.host", picker.host, asksAnybody || hasClientCa(picker.tls)),
    },
    listenerTls,
    notes,
  };
}

const HINT =
  "name a variable that holds the operators' key in http.operatorKeyEnv, or write keys in access.keys";

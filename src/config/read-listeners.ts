import { InputError } from "../lib/errors.ts";
import { type AccessConfig, asksClients, knowsOperators } from "./access-config.ts";
import type { Config } from "./config.ts";
import { certificateEndMs, expiryNotes } from "./expiry-note.ts";
import { staysHere } from "./loopback.ts";
import type { NamedFiles } from "./named-files.ts";
import type { PickerConfig } from "./picker-config.ts";
import { type SourceOf, faultAt, inside } from "./place.ts";
import { type ListenerTls, readListenerTls } from "./read-tls.ts";

/** What the gateway shows where it listens. */
export interface Listeners extends Pick<Config, "listenerTls"> {
  /** One line for each certificate that expires soon. */
  readonly notes: readonly string[];
}

/** Whom the gateway knows. */
export interface Known {
  readonly access: AccessConfig;
  readonly operatorKeyHash: string | null;
}

/**
 * Looks at where the gateway listens: beyond this machine only where whoever asks has to show a key, a token or a
 * certificate, or clients need none by intention.
 * @param nowMs milliseconds since 1970
 * @throws InputError for a host that is open without anybody having said so, and for files that cannot be used
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
  const notes: string[] = [];
  const shown = [
    ["http.tls", listenerTls.http],
    ["http.admin.tls", listenerTls.admin],
    ["picker", picker?.tls ?? null],
  ] as const;
  for (const [setting, tls] of shown)
    if (tls !== null)
      notes.push(...expiryNotes(`${setting}: the certificate`, certificateEndMs(tls.cert), nowMs));
  const heard = (field: readonly string[], host: string, isGuarded: boolean, mend: string) => {
    if (isGuarded || staysHere(host)) return;
    throw faultAt({ sourceOf, field }, `is ${host}, which others reach, and ${mend}`);
  };
  const isSaid = asksClients(access) || access.anonymous;
  const { admin } = http;
  heard(["http", "host"], http.host, isSaid || asksCertificates(listenerTls.http), CLIENTS);
  if (admin.port !== null)
    heard(
      ["http", "admin", "host"],
      admin.host,
      operatorKeyHash !== null || knowsOperators(access),
      OPERATORS,
    );
  if (picker !== null)
    heard(["picker", "host"], picker.host, isSaid || asksCertificates(picker.tls), CLIENTS);
  return { listenerTls, notes };
}

/**
 * Listeners stay where they are until the next start: what follows must not open them either.
 * @param running as the gateway was started
 * @throws InputError
 */
export function checkReload(running: Config, { access }: Pick<Config, "access">): void {
  if (asksClients(access) || access.anonymous) return;
  const { http, picker, listenerTls } = running;
  const listeners = [
    ["http.host", http.host, listenerTls.http],
    ["picker.host", picker?.host ?? "localhost", picker?.tls ?? null],
  ] as const;
  for (const [field, host, tls] of listeners)
    if (!staysHere(host) && !asksCertificates(tls))
      throw new InputError("reload", field, `is ${host} until the next start, and ${CLIENTS}`);
}

/** One line for each listener that speaks another way than a configuration now says, until the next start. */
export function tlsThatWaits(running: Config, next: Config): readonly string[] {
  const listeners = ({ listenerTls, picker }: Config) =>
    [
      ["http.tls", listenerTls.http],
      ["http.admin.tls", listenerTls.admin],
      ["picker", picker?.tls ?? null],
    ] as const;
  const wayOf = (tls: ListenerTls | null) =>
    tls === null
      ? "unencrypted"
      : `TLS ${asksCertificates(tls) ? "with" : "without"} certificates of clients`;
  return listeners(running).flatMap(([setting, tls], i) => {
    const [now, then] = [wayOf(tls), wayOf(listeners(next)[i][1])];
    return now === then ? [] : [`${setting}: its listener stays ${now} until the next start, then ${then}`];
  });
}

function asksCertificates(tls: ListenerTls | null): boolean {
  return (tls?.clientCa ?? null) !== null;
}

const CLIENTS =
  "clients need no key; write keys in access.keys, or access.anonymous: true where whoever reaches it may use every model";
const OPERATORS =
  "operators have no key; name a variable that holds one in http.operatorKeyEnv, or write one in access.keys";

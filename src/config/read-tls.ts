import { createSecureContext } from "node:tls";
import type { z } from "zod";
import type { InputError } from "../lib/errors.ts";
import type { TlsSettings } from "../model/server-access.ts";
import type { NamedFiles } from "./named-files.ts";
import { type Place, faultAt } from "./place.ts";
import type { listenerTlsSchema, tlsSchema } from "./tls-schema.ts";

type WrittenTls = z.output<typeof tlsSchema>;
type WrittenListenerTls = z.output<typeof listenerTlsSchema>;

/** What a listener shows; contents of PEM files. Plain data. */
export interface ListenerTls {
  readonly cert: string;
  readonly key: string;
  /** Whose certificates clients have to show; null for none. */
  readonly clientCa: string | null;
}

/**
 * Reads the files that TLS settings name.
 * @param placeOf where a setting is written
 * @returns null where nothing differs from what the system trusts
 * @throws InputError naming the file
 */
export function readTls(
  { caFile, certFile, keyFile, serverName, insecureSkipVerify }: WrittenTls,
  placeOf: (setting: keyof WrittenTls) => Place,
  files: NamedFiles,
): TlsSettings | null {
  const ca = readCa(caFile, placeOf("caFile"), files);
  const own = readPair({ certFile, keyFile }, placeOf, files);
  if (ca === null && own === null && serverName === null && !insecureSkipVerify) return null;
  return { ca, cert: own?.cert ?? null, key: own?.key ?? null, serverName, verify: !insecureSkipVerify };
}

/** The same of a listener. @returns null where it speaks unencrypted */
export function readListenerTls(
  { certFile, keyFile, clientCaFile }: WrittenListenerTls,
  placeOf: (setting: keyof WrittenListenerTls) => Place,
  files: NamedFiles,
): ListenerTls | null {
  const own = readPair({ certFile, keyFile }, placeOf, files);
  const clientCa = readCa(clientCaFile, placeOf("clientCaFile"), files);
  if (own !== null) return { ...own, clientCa };
  if (clientCa === null) return null;
  throw faultAt(placeOf("certFile"), "is missing; expected a certificate and its key beside `clientCaFile`");
}

/** Certificates to trust, or null. @throws InputError */
export function readCa(path: string | null, place: Place, files: NamedFiles): string | null {
  if (path === null) return null;
  const ca = files.text(path, place);
  if (!ca.includes("-----BEGIN ") || !sound({ ca })) throw noPem(place, "certificate");
  return ca;
}

function readPair(
  { certFile, keyFile }: { readonly certFile: string | null; readonly keyFile: string | null },
  placeOf: (setting: "certFile" | "keyFile") => Place,
  files: NamedFiles,
): { readonly cert: string; readonly key: string } | null {
  const cert = certFile === null ? null : files.text(certFile, placeOf("certFile"));
  const key = keyFile === null ? null : files.text(keyFile, placeOf("keyFile"));
  if (cert === null && key === null) return null;
  if (cert === null || key === null) {
    const hint = "is missing; expected a certificate and its key together";
    throw faultAt(placeOf(cert === null ? "certFile" : "keyFile"), hint);
  }
  if (!sound({ cert, key })) throw noPem(placeOf("certFile"), "certificate that goes with `keyFile`");
  return { cert, key };
}

function sound(parts: { readonly ca: string } | { readonly cert: string; readonly key: string }): boolean {
  try {
    createSecureContext(parts);
    return true;
  } catch {
    return false;
  }
}

function noPem(place: Place, what: string): InputError {
  return faultAt(place, `names a file that holds no ${what}; expected one in PEM form`);
}

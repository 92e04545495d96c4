import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext } from "node:tls";
import type { z } from "zod";
import type { InputError } from "../lib/errors.ts";
import type { TlsSettings } from "../model/server-access.ts";
import { type Place, faultAt } from "./place.ts";
import type { tlsSchema } from "./settings-schema.ts";

type WrittenTls = z.output<typeof tlsSchema>;

/**
 * Reads the files that TLS settings name.
 * @param placeOf where a setting is written
 * @param folderOf from where a path that is written there leads
 * @returns null where nothing differs from what the system trusts
 * @throws InputError naming the file
 */
export function readTls(
  { caFile, certFile, keyFile, serverName, insecureSkipVerify }: WrittenTls,
  placeOf: (setting: keyof WrittenTls) => Place,
  folderOf: (field: readonly PropertyKey[]) => string,
): TlsSettings | null {
  const read = (setting: "caFile" | "certFile" | "keyFile", path: string | null) => {
    if (path === null) return null;
    const place = placeOf(setting);
    const file = resolve(folderOf(place.field), path);
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw faultAt(place, `names ${file}, which cannot be read (${code}); name a readable file`);
    }
  };
  const [ca, cert, key] = [read("caFile", caFile), read("certFile", certFile), read("keyFile", keyFile)];
  if ((cert === null) !== (key === null)) {
    const hint = "is missing; expected a certificate and its key together";
    throw faultAt(placeOf(cert === null ? "certFile" : "keyFile"), hint);
  }
  if (ca === null && cert === null && serverName === null && !insecureSkipVerify) return null;
  if (ca !== null && (!ca.includes("-----BEGIN ") || !sound({ ca })))
    throw noPem(placeOf("caFile"), "certificate");
  if (cert !== null && key !== null && !sound({ cert, key }))
    throw noPem(placeOf("certFile"), "certificate that goes with `keyFile`");
  return { ca, cert, key, serverName, verify: !insecureSkipVerify };
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

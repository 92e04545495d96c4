import type { z } from "zod";
import type { JwtConfig } from "./access-config.ts";
import { isLocalName, isLoopback } from "./loopback.ts";
import type { NamedFiles } from "./named-files.ts";
import { type Place, faultAt, inside } from "./place.ts";
import { readCa } from "./read-tls.ts";
import type { settingsSchema } from "./settings-schema.ts";

type WrittenJwt = z.output<typeof settingsSchema>["access"]["jwt"];

const TOGETHER = ["issuer", "audience", "jwksUrl"] as const;

/** @param place where it is written @returns null where no tokens are believed @throws InputError */
export function readJwt(written: WrittenJwt, place: Place, files: NamedFiles): JwtConfig | null {
  const { issuer, audience, jwksUrl, caFile, ...rest } = written;
  if (issuer === null || audience === null || jwksUrl === null) {
    const missing = TOGETHER.filter((name) => written[name] === null);
    if (missing.length === TOGETHER.length) return null;
    throw faultAt(
      inside(place, missing[0]),
      "is missing; expected `issuer`, `audience` and `jwksUrl` together",
    );
  }
  const { protocol, hostname } = new URL(jwksUrl);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (protocol === "http:" && !isLoopback(host) && !isLocalName(host))
    throw faultAt(
      inside(place, "jwksUrl"),
      "is http beyond this machine, where anybody in between could put in keys; expected https",
    );
  return {
    ...rest,
    issuer,
    audience: [audience].flat(),
    jwksUrl,
    ca: readCa(caFile, inside(place, "caFile"), files),
  };
}

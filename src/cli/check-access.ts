import { countIssuerKeys } from "../access/issuer-keys.ts";
import { type AccessConfig, asksClients } from "../config/access-config.ts";
import type { Config } from "../config/config.ts";
import { staysHere } from "../config/loopback.ts";
import { type Finding, found, missed, warned } from "./finding.ts";

/** Who may ask, and whether the keys can be had that tokens are signed by. */
export async function checkAccess({ access, http }: Config): Promise<readonly Finding[]> {
  if (asksClients(access))
    return [found("", "access", `clients show ${shown(access)}`), ...(await checkIssuer(access))];
  if (staysHere(http.host)) return [];
  const who = `whoever reaches ${http.host} may ask; write keys in access.keys, or have them checked in front`;
  return [warned(found("", "access", "clients need no key"), who)];
}

function shown({ keys, jwt }: AccessConfig): string {
  const of = keys.filter(({ role }) => role === "client").length;
  const tokens = jwt === null ? [] : [`tokens of ${jwt.issuer}`];
  return [...(of === 0 ? [] : [`one of ${of} keys`]), ...tokens].join(", or ");
}

async function checkIssuer({ jwt }: AccessConfig): Promise<readonly Finding[]> {
  if (jwt === null) return [];
  try {
    const count = await countIssuerKeys(jwt);
    const finding = found("", "tokens", `${jwt.jwksUrl} has ${count} ${count === 1 ? "key" : "keys"}`);
    return [count > 0 ? finding : { ...finding, reachable: false }];
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    return [missed("", "tokens", `${jwt.jwksUrl} gives no keys (${why}); tokens are answered 503`)];
  }
}

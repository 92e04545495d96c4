import { type JWTPayload, type JWTVerifyGetKey, errors, jwtVerify } from "jose";
import type { JwtConfig } from "../config/access-config.ts";
import { AccessDenied } from "./access-denied.ts";
import { claimAt, rolesIn, textIn } from "./claims.ts";
import type { Identity } from "./identity.ts";
import { issuerKeys } from "./issuer-keys.ts";

/** Looks into tokens of one issuer. */
export class TokenVerifier {
  readonly #config: JwtConfig;
  readonly #keys: JWTVerifyGetKey;

  constructor(config: JwtConfig) {
    this.#config = config;
    this.#keys = issuerKeys(config);
  }

  /** @throws AccessDenied saying what is wrong with the token, and nothing of what it holds */
  async verify(token: string): Promise<Identity> {
    const { issuer, audience, algorithms, clockToleranceSeconds } = this.#config;
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience: [...audience],
        algorithms: [...algorithms],
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ["exp"],
      });
      return this.#identity(payload);
    } catch (error) {
      throw error instanceof AccessDenied ? error : denied(error);
    }
  }

  #identity(payload: JWTPayload): Identity {
    const { tenantClaim, modelsClaim, rolesClaim, clientRoles, operatorRoles, clockToleranceSeconds } =
      this.#config;
    const tenant = textIn(claimAt(payload, tenantClaim));
    if (tenant === null)
      throw new AccessDenied("invalid_token", `The token has no \`${tenantClaim}\` that names a tenant.`);
    const roles = rolesIn(claimAt(payload, rolesClaim));
    const models = modelsClaim === null ? null : rolesIn(claimAt(payload, modelsClaim));
    return {
      id: textIn(payload.sub) ?? tenant,
      isClient: clientRoles.length === 0 || clientRoles.some((role) => roles.includes(role)),
      isOperator: operatorRoles.some((role) => roles.includes(role)),
      isEngine: false,
      tenant,
      models: models === null ? null : new Set(models),
      pools: null,
      ranks: null,
      expiresMs: ((payload.exp ?? 0) + clockToleranceSeconds) * 1000,
    };
  }
}

/** Claims that are checked, by what is said of them. */
const CLAIMS: Readonly<Record<string, string>> = {
  iss: "The token is of another issuer.",
  aud: "The token is for another audience.",
  nbf: "The token is not valid yet.",
  exp: "The token never expires; it has to.",
};

function denied(error: unknown): AccessDenied {
  const invalid = (message: string) => new AccessDenied("invalid_token", message);
  if (error instanceof errors.JWTExpired) return invalid("The token has expired.");
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalid(CLAIMS[error.claim] ?? "A claim of the token is not as it has to be.");
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid("The token is signed by another algorithm.");
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return invalid("The token's signature is wrong.");
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return invalid("The token is signed by no key of its issuer.");
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid)
    return invalid("The token cannot be read.");
  if (error instanceof errors.JOSENotSupported)
    return invalid("The token asks for what the gateway does not do.");
  return new AccessDenied(
    "keys_unreachable",
    "The keys that tokens are signed by cannot be fetched now; try again.",
  );
}

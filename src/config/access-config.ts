/** Who the holder of a key is. */
export type Role = "client" | "operator" | "engine";

/** One API key, of which the hash is kept. Plain data. */
export interface AccessKey {
  /** What it is called in messages and logs. */
  readonly id: string;
  /** SHA-256 of the key, in hex. */
  readonly hash: string;
  readonly role: Role;
  /** Whose limits and priority its requests have. */
  readonly tenant: string;
  /** The models that it may ask for; null for all. */
  readonly models: readonly string[] | null;
  /** From then on it is refused, in milliseconds since 1970; null for never. */
  readonly expiresMs: number | null;
  /** Of an engine, the pools it may report for; null for all. */
  readonly pools: readonly string[] | null;
  /** Of an engine, the ranks it may report for, `[first, last]` each; null for all. */
  readonly ranks: readonly (readonly [number, number])[] | null;
}

/** Whose tokens are believed, and what they say. Plain data. */
export interface JwtConfig {
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly jwksUrl: string;
  /** Certificates to trust there in place of the system's, in PEM form; null for those. */
  readonly ca: string | null;
  readonly algorithms: readonly string[];
  readonly tenantClaim: string;
  /** Null where a token may ask for every model. */
  readonly modelsClaim: string | null;
  readonly rolesClaim: string;
  /** Empty where every valid token is a client's. */
  readonly clientRoles: readonly string[];
  /** Empty where no token is an operator's. */
  readonly operatorRoles: readonly string[];
  readonly clockToleranceSeconds: number;
}

export interface AccessConfig {
  readonly keys: readonly AccessKey[];
  /** Null where no tokens are believed. */
  readonly jwt: JwtConfig | null;
  /** Clients show nothing by intention. */
  readonly anonymous: boolean;
}

/** Whether clients have to show who they are. */
export function asksClients({ keys, jwt }: AccessConfig): boolean {
  return jwt !== null || keys.some(({ role }) => role === "client");
}

/** Whether operators have to show who they are, beside by `http.operatorKeyEnv`. */
export function knowsOperators({ keys, jwt }: AccessConfig): boolean {
  return (jwt !== null && jwt.operatorRoles.length > 0) || keys.some(({ role }) => role === "operator");
}

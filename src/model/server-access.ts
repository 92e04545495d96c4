/** How a server is spoken to, beside its URL. */
export interface ServerAccess {
  /** What requests give as `host`, where the URL has an address in place of the name; null for the URL's own. */
  readonly host: string | null;
  /** Sent as `authorization` in place of the client's; null to pass the client's on. */
  readonly authorization: string | null;
  /** Null for what the system trusts. */
  readonly tls: TlsSettings | null;
}

/** How a server proves who it is, and the gateway who it is; contents of PEM files. */
export interface TlsSettings {
  /** Trusted in place of the system's; null for those. */
  readonly ca: string | null;
  /** The gateway's own certificate and key; null for none. */
  readonly cert: string | null;
  readonly key: string | null;
  /** The name its certificate must bear; null for the URL's. */
  readonly serverName: string | null;
  /** False to believe any certificate. */
  readonly verify: boolean;
}

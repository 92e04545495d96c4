/** What to do about a connection that failed, by its error's code. */
const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there: start the server, or correct the port",
  ENOTFOUND: "its name has no address: correct the name, or ask whoever keeps the DNS",
  EAI_AGAIN: "its name could not be looked up: correct the name, or see whether the DNS answers",
  ETIMEDOUT: "no connection came about: correct the address, or let it through the firewall",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about: correct the address, or let it through the firewall",
  EHOSTUNREACH: "no way leads there: correct the address or the network",
  ENETUNREACH: "no way leads there: correct the address or the network",
  ECONNRESET: "it closed the connection: see its log, or write https:// if it wants TLS",
  UND_ERR_SOCKET: "it closed the connection: see its log, or write https:// if it wants TLS",
  EPROTO: "it speaks no TLS: write http://, or correct the port",
  ERR_SSL_WRONG_VERSION_NUMBER: "it speaks no TLS: write http://, or correct the port",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it speaks no TLS: write http://, or correct the port",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "its certificate is for another name: give that in `tls.serverName`, or correct the URL",
  CERT_HAS_EXPIRED: "its certificate has expired: renew it",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: see to the clocks",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it wants a certificate: give `tls.certFile` and `tls.keyFile`",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    "no handshake came about: it may want a certificate (`tls.certFile` and `tls.keyFile`)",
  TimeoutError: "it took too long: it may be busy, or still loading its model",
};

/** Codes of certificates that nobody trusted has signed. */
const UNTRUSTED = /SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|CERT_UNTRUSTED/;
const TRUST_IT =
  "its certificate is not trusted: name the CA's file in `tls.caFile`, of the pool or of `upstream`";
const NO_HTTP_CODES = /^HPE_|^HTTPParserError$/;
const NO_HTTP = "what it answered is no HTTP: correct the port, or write https:// if it wants TLS";

/** `: ` and one clause that says what to do; empty where nothing is known. */
export function adviceFor(code: string): string {
  const advice = UNTRUSTED.test(code) ? TRUST_IT : NO_HTTP_CODES.test(code) ? NO_HTTP : ADVICE[code];
  return advice === undefined ? "" : `: ${advice}`;
}

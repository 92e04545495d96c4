import { type ServerCredentials, experimental } from "@grpc/grpc-js";
import type { ListenerTls } from "../config/read-tls.ts";

/** What a gRPC listener shows to those who connect from now on, and whose certificates it asks them for. */
export class ShownCertificates implements experimental.CertificateProvider {
  #tls: ListenerTls;
  readonly #ca = new Set<experimental.CaCertificateUpdateListener>();
  readonly #identity = new Set<experimental.IdentityCertificateUpdateListener>();

  constructor(tls: ListenerTls) {
    this.#tls = tls;
  }

  get credentials(): ServerCredentials {
    const asks = this.#tls.clientCa !== null;
    // The first gives what is shown, the second whom to trust, whatever its types call them (1.14).
    return experimental.createCertificateProviderServerCredentials(this, asks ? this : null, asks);
  }

  /** Connections that are there go on. Whether certificates are asked for was decided at the start. */
  show(tls: ListenerTls): void {
    if ((tls.clientCa === null) !== (this.#tls.clientCa === null)) return;
    this.#tls = tls;
    for (const listener of this.#ca) this.#tellCa(listener);
    for (const listener of this.#identity) this.#tellIdentity(listener);
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#ca.add(listener);
    // Whoever adds it hears nothing before it has done so.
    queueMicrotask(() => this.#tellCa(listener));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#ca.delete(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identity.add(listener);
    queueMicrotask(() => this.#tellIdentity(listener));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identity.delete(listener);
  }

  #tellCa(listener: experimental.CaCertificateUpdateListener): void {
    const { clientCa } = this.#tls;
    listener(clientCa === null ? null : { caCertificate: Buffer.from(clientCa) });
  }

  #tellIdentity(listener: experimental.IdentityCertificateUpdateListener): void {
    const { cert, key } = this.#tls;
    listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) });
  }
}

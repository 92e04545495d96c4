import type { SentError } from "../workers/messages.ts";

/** To the gateway of a scenario: begin. */
export interface GatewayOrder {
  readonly path: string;
  readonly short: boolean;
}

/** From it. */
export type GatewaySaid =
  | { readonly kind: "listening"; readonly url: string }
  | { readonly kind: "failed"; readonly error: SentError }
  | { readonly kind: "notice"; readonly line: string };

import type { MoeModel } from "../../model/moe-model.ts";

/** What a thread is asked. */
export interface ToSolve {
  readonly body: Uint8Array;
  /** Those that it may name. */
  readonly models: readonly MoeModel[];
}

/** What a body is answered with. */
export type Solved =
  /** At first. */
  | { readonly kind: "begun" }
  | { readonly kind: "file"; readonly file: Uint8Array<ArrayBuffer> }
  | { readonly kind: "refused"; readonly why: string };

import type { EngineServer, LoadReport, ModelCard, ServerHealth } from "../engine.ts";

/** What a server answered when it was asked. It may be sent to other processes. */
export type ServerNews =
  | ({ readonly kind: "health"; readonly waitedMs: number } & ServerHealth)
  /** It was asked for its health, and has not answered for so long since the last news of that. */
  | {
      readonly kind: "silent";
      readonly waitedMs: number;
      /** Nobody takes connections there. */
      readonly nobodyThere: boolean;
      /** One clause for a person; names no server. */
      readonly why: string;
    }
  /** Of its shards, in their order. */
  | { readonly kind: "loads"; readonly loads: readonly LoadReport[] }
  | { readonly kind: "models"; readonly cards: readonly ModelCard[] };

/** Receives what servers answer. */
export interface NewsListener {
  news(server: EngineServer, news: ServerNews): void;
}

import type { EngineServer, LoadReport, ModelCard, ServerHealth } from "../engine.ts";

/** What asking a server brought. It may be passed on to other processes. */
export type ServerNews =
  | ({ readonly kind: "health"; readonly waitedMs: number } & ServerHealth)
  /** It was asked for its health, and no answer has come for so long since the last news of that. */
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

/** Hears what asking servers brings. */
export interface NewsListener {
  news(server: EngineServer, news: ServerNews): void;
}

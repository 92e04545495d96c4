/** `GET /admin/state`, as far as it is read here. */
export interface AdminState {
  readonly store: { readonly reachable: boolean };
  readonly pools: readonly {
    readonly epoch: number;
    readonly control: {
      readonly leader: { readonly gateway: string; readonly sinceMs: number } | null;
      readonly leading: boolean;
      readonly ranks: readonly string[];
      readonly missing: readonly unknown[];
      readonly paused: boolean;
      readonly totals: { readonly terms: number };
      readonly rollout: { readonly phase: string; readonly epoch: number } | null;
    };
  }[];
}

export interface Speculation {
  readonly draftTokens: number;
  readonly acceptance: number;
}

/** The load that the placement in force was made for, as `GET /ep/v1/forecast/:pool` has it. */
export interface Forecast {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** `[layers][experts]`, relative to an even part. */
  readonly load: readonly (readonly number[])[];
}

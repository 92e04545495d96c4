import type { StepBatch } from "../step-batch.ts";
import type { ExpertProfiles } from "./expert-profiles.ts";

/** Which alike rows a step's tokens come from. */
export class BatchMix {
  readonly #profiles: ExpertProfiles;
  /** Groups with tokens in the step, in the order they were met. */
  readonly groups: number[] = [];
  /** `[groups of the source]`: tokens of the step. */
  readonly tokens: Float64Array;
  /**
   * `[groups of the source]`: tokens whose choices vary from step to step. A run of consecutive rows of a group is a
   * draw without replacement: one of all its rows has every choice as often as the profile says.
   */
  readonly varying: Float64Array;

  constructor(profiles: ExpertProfiles) {
    this.#profiles = profiles;
    this.tokens = new Float64Array(profiles.groups);
    this.varying = new Float64Array(profiles.groups);
  }

  count({ tokens, rows }: Pick<StepBatch, "tokens" | "rows">): void {
    const profiles = this.#profiles;
    for (const group of this.groups) this.tokens[group] = this.varying[group] = 0;
    this.groups.length = 0;
    for (let at = 0; at < tokens; ) {
      const group = profiles.groupOf(rows[at]);
      let end = at + 1;
      while (end < tokens && rows[end] === rows[end - 1] + 1 && profiles.groupOf(rows[end]) === group) end++;
      if (this.tokens[group] === 0) this.groups.push(group);
      const run = end - at;
      this.tokens[group] += run;
      this.varying[group] += run * (1 - (run - 1) / profiles.of(group).rows);
      at = end;
    }
  }
}

/** What a router has learned of where its requests go: the mix of every instance, and that of all requests. */
export interface RequestGroups {
  /** `[instances][width]`: the chance 0..1 that a token of an instance's requests selects each expert. */
  readonly mixes: readonly Float32Array[];
  /** `[instances]`: load behind each mix, as `LocalityRouter.observe` has it. */
  readonly tokens: Float64Array;
  /** `[width]`: the mix of all requests. */
  readonly all: Float32Array;
  readonly allTokens: number;
  /** That it was learned from. */
  readonly requests: number;
}

/** Which of the groups are which instance's. @param from `[instances]`: the place of each in `groups`; −1 for none */
export function groupsOf(groups: RequestGroups, from: readonly number[]): RequestGroups {
  return {
    ...groups,
    mixes: from.map((at) => (at < 0 ? groups.all : groups.mixes[at])),
    tokens: Float64Array.from(from, (at) => (at < 0 ? 0 : groups.tokens[at])),
  };
}

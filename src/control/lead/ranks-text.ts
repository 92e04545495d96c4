/** For a person: `rank 3 is`, `ranks 3, 7 are`, `16 ranks are`. */
export function ranksText(ranks: readonly number[]): string {
  if (ranks.length === 1) return `rank ${ranks[0]} is`;
  return ranks.length <= 4 ? `ranks ${ranks.join(", ")} are` : `${ranks.length} ranks are`;
}

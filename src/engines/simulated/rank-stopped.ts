/** What becomes of requests to a rank that was stopped. */
export class RankStopped extends Error {
  override readonly name = "RankStopped";
  readonly code = "STOPPED";

  constructor(rank: number) {
    super(`GPU ${rank} has stopped`);
  }
}

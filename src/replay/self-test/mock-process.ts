import { type CoreUse, watchCore } from "./core-use.ts";
import { keepPausesShort } from "../short-pauses.ts";
import { type AnswerTruth, TimedMock } from "./timed-mock.ts";

/** The mock in a process of its own. To it goes its seed, then `take` as often as one likes. */
export type MockOrder = { readonly kind: "listen"; readonly seed: number } | { readonly kind: "take" };

export type MockSaid =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "taken"; readonly truths: readonly AnswerTruth[]; readonly core: CoreUse };

keepPausesShort();
let mock: TimedMock | null = null;
let core = watchCore();

function say(said: MockSaid): void {
  process.send?.(said);
}

process.on("message", (order: MockOrder) => {
  if (order.kind === "listen") {
    mock = new TimedMock(order.seed);
    void mock.listen().then((port) => say({ kind: "listening", port }));
  } else if (mock !== null) {
    say({ kind: "taken", truths: mock.take(), core: core() });
    core = watchCore();
  }
});
// Ctrl-C is for the one that started this.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());

import { type CoreUse, watchCore } from "./core-use.ts";
import { type AnswerTruth, type MockCount, type MockTimes, TimedMock } from "./timed-mock.ts";

/** What goes to the mock in its own process: first how it answers, then the others as often as one likes. */
export type MockOrder =
  | { readonly kind: "listen"; readonly seed: number; readonly times: MockTimes }
  | { readonly kind: "count" }
  | { readonly kind: "take" };

export type MockSaid =
  | { readonly kind: "listening"; readonly port: number }
  | ({ readonly kind: "counted" } & MockCount)
  | { readonly kind: "taken"; readonly truths: readonly AnswerTruth[]; readonly core: CoreUse };

let mock: TimedMock | null = null;
let core = watchCore();

function say(said: MockSaid): void {
  process.send?.(said);
}

process.on("message", (order: MockOrder) => {
  if (order.kind === "listen") {
    mock = new TimedMock(order.seed, order.times);
    void mock.listen().then((port) => say({ kind: "listening", port }));
  } else if (mock === null) {
    throw new Error("the mock server was asked for what it did before it was told to listen");
  } else if (order.kind === "count") {
    say({ kind: "counted", ...mock.count() });
  } else {
    say({ kind: "taken", truths: mock.take(), core: core() });
    core = watchCore();
  }
});
// Ctrl-C is for the one that started this.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());

import type { LoadOrder, LoadReport } from "./load.ts";
import { LoadRun } from "./load-run.ts";

/** A process: runs the loads its parent orders, one at a time. */

const say = (report: LoadReport): void => {
  process.send?.(report);
};

process.on("message", (order: LoadOrder) => {
  void new LoadRun(order)
    .run(() => say({ kind: "over" }))
    .then((figures) => say({ kind: "figures", figures }));
});
process.on("disconnect", () => process.exit());

import cluster from "node:cluster";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Loaded before a gateway's own modules: says how much heap is in use, when it is asked by whoever started the process. */
if (!cluster.isWorker && process.channel !== undefined) {
  process.on("message", (message) => {
    if (message !== "heap") return;
    collectGarbage();
    process.send?.({ heapBytes: process.memoryUsage().heapUsed });
  });
  process.channel?.unref();
}

/** As `--expose-gc` would give it; but a process that starts with another flag cannot use code that others compiled. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

import cluster from "node:cluster";

/** Loaded before a gateway's own modules: says how much heap is in use, when it is asked by whoever started the process. */
if (!cluster.isWorker && process.channel !== undefined) {
  process.on("message", (message) => {
    if (message !== "heap") return;
    globalThis.gc?.();
    process.send?.({ heapBytes: process.memoryUsage().heapUsed });
  });
  process.channel?.unref();
}

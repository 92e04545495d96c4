import { parentPort, workerData } from "node:worker_threads";
import { unpacked } from "./packed-requests.ts";
import { TraceFiles } from "./trace-files.ts";
import { TraceLines } from "./trace-lines.ts";
import type { WriterNews, WriterOrder, WriterTerms } from "./writer-messages.ts";

const port = parentPort;
if (port === null) throw new Error("writer-thread runs as a worker thread only");

const { origin, lines: lineTerms, directory, maxFileBytes, maxFiles } = workerData as WriterTerms;
const lines = new TraceLines(origin, lineTerms);
const files = new TraceFiles(
  {
    directory,
    maxFileBytes,
    maxFiles,
    header: () => lines.header(),
    startMs: origin.startMs,
    now: () => Date.now(),
  },
  (fault) => say({ kind: "unfinished", fault: clauseOf(fault) }),
);

function say(news: WriterNews): void {
  port?.postMessage(news);
}

/** An error of the system by its code, without the path. */
function clauseOf(fault: Error): string {
  const { code } = fault as NodeJS.ErrnoException;
  return code ?? fault.message;
}

port.on("message", (order: WriterOrder) => {
  if (order.kind === "close") {
    void files.close().finally(() => port.close());
    return;
  }
  const written = files.write(
    unpacked(order.requests).map((request) => lines.line(request)),
    order.dropped,
  );
  const { lines: requests, bytes, fault } = written;
  say({ kind: "written", requests, bytes, fault: fault === null ? null : clauseOf(fault) });
});

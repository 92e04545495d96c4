import { mkdir } from "node:fs/promises";
import type { MockServer } from "../../../src/replay/self-test/mock-server.ts";
import { type Figures, truthOf } from "./figures.ts";
import { latenessOf } from "./lateness.ts";
import type { LoadTool } from "./load-tool.ts";
import type { TraceRow } from "./made-trace.ts";
import { percentileOf } from "./percentiles.ts";
import { type SeenErrors, seenErrors } from "./seen-errors.ts";
import { type ToolUse, watchTool } from "./watched-tool.ts";

/** A server of known timing, and the trace that is played against it. */
export interface Stand {
  readonly mock: MockServer;
  readonly url: string;
  readonly rows: readonly TraceRow[];
  readonly trace: string;
  /** Beyond it a tool is ended. */
  readonly limitMs: number;
}

/** One run of a tool. */
export interface ToolRun extends ToolUse {
  readonly measured: Figures;
  /** What the mock says of the same, by the tool's own definitions. */
  readonly truth: Figures;
  readonly requests: number;
  readonly completed: number;
  readonly failed: number;
  readonly errors: SeenErrors;
  /** Behind the trace's clock, by the mock; milliseconds. */
  readonly late: { readonly p50: number; readonly p99: number };
  /** Of the run's time, the part in which the mock was ready and had no core; null where the system does not say. */
  readonly mockWaited: number | null;
  /** Why the tool itself does not believe it. */
  readonly doubts: readonly string[];
}

/** @param folder to be made: the tool's own. @throws Error where the tool fails, or says nothing of what is asked */
export async function runTool(tool: LoadTool, stand: Stand, folder: string): Promise<ToolRun> {
  const { mock, url, rows, trace, limitMs } = stand;
  await mkdir(folder, { recursive: true });
  await mock.take();
  const command = tool.command({ trace, url, folder });
  const use = await watchTool(command, mock, rows.length, folder, limitMs);
  const { truths: begun, core } = await mock.take();
  const truths = begun.filter(({ whole }) => whole);
  const { figures, completed, failed, doubts, seen } = await tool.read(folder);
  const late = latenessOf(rows, truths);
  return {
    ...use,
    measured: figures,
    truth: truthOf(truths, tool.percentiles),
    requests: rows.length,
    completed,
    failed,
    errors: seenErrors(seen, truths),
    late: { p50: percentileOf(late, 50, "nearest rank"), p99: percentileOf(late, 99, "nearest rank") },
    mockWaited: core.waitedMs === null ? null : core.waitedMs / core.elapsedMs,
    doubts,
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { MockServer } from "../../../src/replay/self-test/mock-server.ts";
import { cpuSeconds, processTree, proportionalBytes } from "../gateway/process-usage.ts";
import { childrenSeconds } from "./shell-times.ts";
import type { ToolCommand } from "./load-tool.ts";

const POLL_MS = 250;
/** Reading memory takes milliseconds. */
const POLLS_PER_MEMORY = 4;
/** A short run is looked at once it has begun. */
const FIRST_POLLS = 2;
const LAST_LINES = 3;

/** What it took to play a trace. */
export interface ToolUse {
  /** From its start to its end. */
  readonly wallMs: number;
  /** From its start to the first request that the mock had. */
  readonly firstRequestMs: number | null;
  /** Of all its processes, from start to end. */
  readonly cpuSeconds: number;
  /** Of all its processes while requests came, per frame that the mock wrote meanwhile; microseconds. */
  readonly cpuPerFrameUs: number | null;
  /** The most that its processes held at one time. */
  readonly peakBytes: number;
}

interface Sample {
  readonly cpuSeconds: number;
  readonly frames: number;
}

/**
 * Runs a tool to its end, and looks at its processes and at the mock meanwhile.
 * @param requests that the mock will have answered when the load is over
 * @param folder   where `log` is written: all that the tool says
 * @throws Error with its last lines where it fails or takes longer than it may
 */
export async function watchTool(
  command: ToolCommand,
  mock: MockServer,
  requests: number,
  folder: string,
  limitMs: number,
): Promise<ToolUse> {
  const logPath = join(folder, "log");
  const log = await open(logPath, "w");
  const startedAt = performance.now();
  // The shell says at the end what its children, and theirs, have computed.
  const child = spawn(
    "sh",
    ["-c", '"$@" 3>&-; code=$?; times >&3; exit $code', "sh", command.file, ...command.args],
    {
      cwd: folder,
      env: { ...process.env, ...command.environment },
      stdio: ["ignore", log.fd, log.fd, "pipe"],
    },
  );
  // Asked before anything is waited for: it may end at once.
  const exit = once(child, "exit").then(() => performance.now() - startedAt);
  const times = text(child.stdio[3] as NodeJS.ReadableStream & AsyncIterable<Buffer>);
  await log.close();
  const { late, ...seen } = await watch(child, mock, requests, startedAt, limitMs);
  const wallMs = await exit;
  if (late || child.exitCode !== 0) {
    const said = (await readFile(logPath, "utf8")).trim().split("\n").slice(-LAST_LINES).join(" | ");
    const how = late ? `had not ended after ${(wallMs / 1000).toFixed(1)} s` : `exit code ${child.exitCode}`;
    throw new Error(`${how}; it said: ${said}`);
  }
  return { wallMs, cpuSeconds: childrenSeconds(await times), ...seen };
}

async function watch(
  child: ChildProcess,
  mock: MockServer,
  requests: number,
  startedAt: number,
  limitMs: number,
): Promise<Pick<ToolUse, "firstRequestMs" | "cpuPerFrameUs" | "peakBytes"> & { readonly late: boolean }> {
  let firstRequestMs: number | null = null;
  let [from, to]: (Sample | null)[] = [null, null];
  let [peakBytes, polls] = [0, 0];
  let late = false;
  while (child.exitCode === null && child.signalCode === null) {
    const { asked, answered, frames, firstAskedAgoMs } = await mock.count();
    const pids = processTree(child.pid ?? null);
    late = performance.now() - startedAt > limitMs;
    if (late) for (const pid of pids.toReversed()) kill(pid);
    if (firstAskedAgoMs !== null) firstRequestMs ??= performance.now() - startedAt - firstAskedAgoMs;
    // Not when all is answered: then it may be at its files already.
    if (asked > 0 && answered < requests) {
      to = { cpuSeconds: cpuSeconds(pids), frames };
      from ??= to;
    }
    if (polls < FIRST_POLLS || polls % POLLS_PER_MEMORY === 0) {
      peakBytes = Math.max(peakBytes, proportionalBytes(pids));
    }
    polls++;
    await sleep(POLL_MS);
  }
  const frames = from === null || to === null ? 0 : to.frames - from.frames;
  const cpuPerFrameUs =
    from === null || to === null || frames === 0 ? null : (1e6 * (to.cpuSeconds - from.cpuSeconds)) / frames;
  return { firstRequestMs, cpuPerFrameUs, peakBytes, late };
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

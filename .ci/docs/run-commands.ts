// `npm run test:docs`: runs what the guides show, page by page, each in an empty folder of its own: blocks that begin with
// `sh run`, one after the other; those that begin with `sh background PORT` go on until the page is over, and are waited for
// until a gateway is ready at that port. A command that fails fails the page. `-- docs/testers.md` runs that page alone.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fence, ROOT, fences, pageText, pages } from "./markdown.ts";

const READY_WITHIN_MS = 60_000;
const ASK_AGAIN_MS = 200;

const folder = mkdtempSync(join(tmpdir(), "plimsoll-docs-"));
const environment = { ...process.env, PATH: `${programs(join(folder, "bin"))}:${process.env["PATH"]}` };

const asked = process.argv.slice(2);
let failed = 0;
try {
  for (const path of asked.length > 0 ? asked : pages()) {
    const blocks = fences(pageText(path)).filter(({ info }) => /^sh (run|background \d+)$/.test(info));
    if (blocks.length > 0) failed += await runPage(path, blocks);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(failed === 0 ? "every command that the guides show works\n" : `${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** `plimsoll`, as it would be after an installation. @returns the folder of programs */
function programs(bin: string): string {
  mkdirSync(bin);
  const program = join(bin, "plimsoll");
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${ROOT}src/main.ts" "$@"\n`);
  chmodSync(program, 0o755);
  return bin;
}

/** @returns how many blocks failed */
async function runPage(path: string, blocks: readonly Fence[]): Promise<number> {
  const cwd = mkdtempSync(join(folder, "page-"));
  const background: ChildProcess[] = [];
  let wrong = 0;
  try {
    for (const { info, code } of blocks) {
      const [, kind, port] = info.split(" ");
      const started = performance.now();
      const child = start(code, cwd, kind === "background");
      if (kind === "background") background.push(child.process);
      const fine =
        kind === "background" ? await ready(Number(port), child.process) : (await child.over) === 0;
      const took = ((performance.now() - started) / 1000).toFixed(1);
      process.stdout.write(
        `${fine ? "ok  " : "FAIL"} ${path} (${took} s): ${code.trim().split("\n").join(" ⏎ ")}\n`,
      );
      if (fine) continue;
      wrong++;
      process.stdout.write(child.said());
    }
  } finally {
    await Promise.all(background.map(end));
  }
  return wrong;
}

function start(code: string, cwd: string, detached: boolean) {
  const child = spawn("bash", ["-euo", "pipefail", "-c", code], { cwd, env: environment, detached });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => said.push(String(data)));
  const over = once(child, "close").then(([status]) => status as number | null);
  child.stdin.end();
  return { process: child, over, said: () => said.join("") };
}

async function ready(port: number, child: ChildProcess): Promise<boolean> {
  for (let waited = 0; waited < READY_WITHIN_MS && child.exitCode === null; waited += ASK_AGAIN_MS) {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null);
    if (answer?.ok === true) return true;
    await sleep(ASK_AGAIN_MS);
  }
  return false;
}

/** With all that it has started. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const over = once(child, "close");
  process.kill(-child.pid, "SIGTERM");
  await over;
}

import { vi } from "vitest";
import { exitByOutcome } from "../src/cli/exit-code.ts";
import { program } from "../src/cli/program.ts";
import type { CliResult } from "./run-cli.ts";

/** Runs a command that succeeds in this process, hence quick; returns what it says on standard output. */
export async function runHere(...args: readonly string[]): Promise<string> {
  const stdout = listenTo(process.stdout);
  try {
    await parsed(args);
  } finally {
    stdout.end();
  }
  return stdout.said();
}

/** Runs a command to its end in this process, as `src/main.ts` does in its own. */
export async function resultHere(...args: readonly string[]): Promise<CliResult> {
  const before = process.exitCode;
  const [stdout, stderr] = [listenTo(process.stdout), listenTo(process.stderr)];
  try {
    process.exitCode = 0;
    await exitByOutcome(() => parsed(args));
    return { code: process.exitCode, stdout: stdout.said(), stderr: stderr.said() };
  } finally {
    process.exitCode = before;
    stdout.end();
    stderr.end();
  }
}

async function parsed(args: readonly string[]): Promise<unknown> {
  return (await program(args[0])).parseAsync([...args], { from: "user" });
}

function listenTo(stream: NodeJS.WriteStream) {
  const said: string[] = [];
  const spy = vi.spyOn(stream, "write").mockImplementation((text) => {
    said.push(String(text));
    return true;
  });
  return { said: () => said.join(""), end: () => spy.mockRestore() };
}

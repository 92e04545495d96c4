import { expect } from "vitest";
import { program } from "../src/cli/program.ts";
import { InputError } from "../src/lib/errors.ts";
import { runCli } from "./run-cli.ts";
import { resultHere } from "./run-here.ts";
import type { ScratchFolder } from "../harness/scratch-folder.ts";

/** Arguments of the command line, and what its message must say. */
export type BadInput = readonly [args: readonly string[], message: string];

/**
 * Each exits 2 with one line, says nothing else and writes nothing into the folder; the first is seen from outside, the
 * others in this process, hence quick.
 */
export async function expectExit2(folder: ScratchFolder, cases: readonly BadInput[]): Promise<void> {
  const before = await folder.names();
  for (const [i, [args, message]] of cases.entries()) {
    const run = i === 0 ? runCli : resultHere;
    const { code, stdout, stderr } = await run(...args, "--out", folder.path("never"));
    expect.soft({ code, stdout }, args.join(" ")).toEqual({ code: 2, stdout: "" });
    expect.soft(stderr).toContain(message);
    expect.soft(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
  expect(await folder.names()).toEqual(before);
}

/** Each ends in the InputError that main.ts turns into that line; in this process, hence quick. */
export async function expectRefused(folder: ScratchFolder, cases: readonly BadInput[]): Promise<void> {
  const before = await folder.names();
  for (const [args, message] of cases) {
    const root = await program(args[0]);
    const error = await root.parseAsync([...args, "--out", folder.path("never")], { from: "user" }).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect.soft(error, args.join(" ")).toBeInstanceOf(InputError);
    expect.soft(error).toHaveProperty("message", expect.stringContaining(message));
  }
  expect(await folder.names()).toEqual(before);
}

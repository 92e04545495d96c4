import { vi } from "vitest";
import { program } from "../src/cli/program.ts";

/** Runs a command that succeeds in this process, hence quick; returns what it says on standard output. */
export async function runHere(...args: readonly string[]): Promise<string> {
  const said: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said.push(String(text));
    return true;
  });
  try {
    const root = await program(args[0]);
    await root.parseAsync([...args], { from: "user" });
  } finally {
    stdout.mockRestore();
  }
  return said.join("");
}

import { afterAll, beforeAll, expect, it } from "vitest";
import { program } from "../../src/cli/program.ts";
import { InputError } from "../../src/lib/errors.ts";
import { resultHere, runHere } from "../run-here.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Requests of so many tokens, 50 ms apart. */
function traceOf(name: string, ...inputs: readonly number[]): Promise<string> {
  const lines = inputs.map((input_length, i) =>
    JSON.stringify({ timestamp: i * 50, input_length, output_length: 3, hash_ids: [] }),
  );
  return folder.write(name, lines.join("\n"));
}

it("serves the model that is named, on the GPUs that are named", async () => {
  const trace = await traceOf("trace.jsonl", 20, 20, 20);
  const flags = ["--model", "gpt-oss-20b", "--topology", "1x4x9", "--trace", trace, "--port", "0", "--json"];
  const result = JSON.parse(await runHere("demo", ...flags));
  expect(result).toMatchObject({
    model: "gpt-oss-20b",
    topology: { nodes: 1, gpusPerNode: 4, slotsPerGpu: 9 },
    traffic: { sent: 3, completed: 3, failed: 0, outputTokens: 9 },
  });
});

it("refuses a trace in which time goes backwards, in one line", async () => {
  const lines = [5, 4].map((timestamp) => JSON.stringify({ timestamp, input_length: 1, output_length: 1 }));
  const trace = await folder.write("back.jsonl", lines.join("\n"));
  expect(await resultHere("demo", "--trace", trace, "--port", "0")).toEqual({
    code: 2,
    stdout: "",
    stderr: `${trace}: line 2 timestamp is 4, earlier than 5 before it; sort the lines by time\n`,
  });
});

it("fails where every request is longer than a GPU's cache", async () => {
  // Beside the weights of 5 of Mixtral's experts there is room for 63,000 tokens.
  const trace = await traceOf("long.jsonl", 80_000);
  const flags = ["--model", "mixtral-8x7b", "--topology", "1x2x5", "--trace", trace, "--port", "0", "--json"];
  const { code, stdout } = await resultHere("demo", ...flags);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).traffic).toMatchObject({ completed: 0, failed: 1 });
});

it.each([
  [["--model", "gpt-oss"], /--model: is "gpt-oss"; .*did you mean gpt-oss-120b or gpt-oss-20b\?/],
  [["--topology", "4by8"], /--topology: is "4by8"; expected nodes x GPUs x slots like 4x8x9/],
  [["--topology", "1x8"], /--topology: cannot serve deepseek-v3: .*; give at least 14 GPUs/],
  [["--model", "mixtral-8x7b", "--topology", "ep32"], /--topology: has 9 slots per GPU; expected at most 8/],
])("%j is refused in one line", async (flags, message) => {
  const root = await program("demo");
  const refused = root.parseAsync(["demo", ...flags], { from: "user" });
  await expect(refused).rejects.toThrow(InputError);
  await expect(refused).rejects.toThrow(message);
});

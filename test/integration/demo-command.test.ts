import { afterAll, beforeAll, expect, it } from "vitest";
import { program } from "../../src/cli/program.ts";
import { InputError } from "../../src/lib/errors.ts";
import { runHere } from "../run-here.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

it("serves the model that is named, on the GPUs that are named", async () => {
  const lines = [0, 50, 100].map((timestamp) =>
    JSON.stringify({ timestamp, input_length: 20, output_length: 3, hash_ids: [] }),
  );
  const trace = await folder.write("trace.jsonl", lines.join("\n"));
  const flags = ["--model", "gpt-oss-20b", "--topology", "1x4x9", "--trace", trace, "--port", "0", "--json"];
  const result = JSON.parse(await runHere("demo", ...flags));
  expect(result).toMatchObject({
    model: "gpt-oss-20b",
    topology: { nodes: 1, gpusPerNode: 4, slotsPerGpu: 9 },
    traffic: { sent: 3, completed: 3, failed: 0, outputTokens: 9 },
  });
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

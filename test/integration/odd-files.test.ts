import { execFile } from "node:child_process";
import { symlink, truncate } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { program } from "../../src/cli/program.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { readRegularFile } from "../../src/files/read-regular-file.ts";
import { InputError } from "../../src/lib/errors.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { expectExit2 } from "../bad-input.ts";
import { runHere } from "../run-here.ts";
import { POOL_FLAGS, type SmallPool, smallPool } from "../small-pool.ts";

let pool: SmallPool;
let folder: ScratchFolder;
let listening: Server;
let odd: Readonly<Record<string, readonly [path: string, said: string]>>;

beforeAll(async () => {
  pool = await smallPool();
  folder = await scratchFolder();
  const [pipe, socket, huge, link] = ["pipe", "socket", "huge", "link"].map((name) => folder.path(name));
  await promisify(execFile)("mkfifo", [pipe]);
  listening = createServer().listen(socket);
  await folder.write("huge", "");
  await truncate(huge, 2 ** 40);
  await symlink("/dev/zero", link);
  odd = {
    pipe: [pipe, "is a pipe, a socket or a device; expected a regular file"],
    socket: [socket, "cannot be read (ENXIO); name a readable file"],
    device: ["/dev/zero", "is a pipe, a socket or a device; expected a regular file"],
    "link to a device": [link, "is a pipe, a socket or a device; expected a regular file"],
    folder: [folder.path("."), "is a folder; expected a regular file"],
    "huge file": [huge, "has 1099511627776 bytes, more than "],
    nothing: [folder.path("nothing"), "cannot be read (ENOENT); name a readable file"],
  };
});
afterAll(async () => {
  listening.close();
  await folder[Symbol.asyncDispose]();
  await pool.folder[Symbol.asyncDispose]();
});

const KINDS = ["pipe", "socket", "device", "link to a device", "folder", "huge file", "nothing"];
const OUT = ["--out", "/nowhere/never"];
const TRACE = ["--batch-tokens", "1", ...OUT];
const IN = ["--nodes", "1", "--gpus-per-node", "1", ...OUT];
/** What is read in parts may be of any size: then it shows that this one holds nothing but zeros. */
const IN_PARTS = { "huge file": "is no text; expected a trace" };
/** Every option that names a file to read, and what is said there in another way. */
const READING: readonly (readonly [
  args: readonly string[],
  option: string,
  otherwise?: Readonly<Record<string, string>>,
])[] = [
  [["place", ...POOL_FLAGS, ...OUT], "--load"],
  [["place", ...POOL_FLAGS, ...OUT, "--load", "GOOD"], "--previous"],
  [["place", ...POOL_FLAGS, ...OUT, "--load", "GOOD"], "--routing"],
  [["dispatch", ...TRACE, "--routing", "GOOD"], "--placement"],
  [["convert", "--from", "plimsoll", "--to", "sglang", ...OUT], "--in"],
  [["convert", "--from", "sglang", "--to", "plimsoll", ...IN], "--in"],
  [["convert", "--from", "eplb", "--to", "sglang", ...OUT], "--in"],
  [["replay", "--url", "http://127.0.0.1:1", ...OUT], "--trace", IN_PARTS],
  [["replay", "inspect"], "--", IN_PARTS],
  [
    ["plan", "--model", "deepseek-v3", "--gpu", "h200", "--ttft-p95", "9", "--itl-p95", "9", ...OUT],
    "--trace",
  ],
  [["simulate", ...OUT], "--scenario"],
  [["check"], "--config"],
];

test.each(KINDS)("a %s in the place of any file to read ends in one line", async (kind) => {
  const [path, said] = odd[kind];
  for (const [args, option, otherwise = {}] of READING) {
    const whole = [...args.map((arg) => (arg === "GOOD" ? pool.load : arg)), option, path];
    const root = await program(whole[0]);
    const error = await root.parseAsync(whole, { from: "user" }).catch((reason: unknown) => reason);
    expect.soft(error, whole.join(" ")).toBeInstanceOf(InputError);
    expect.soft((error as Error).message, whole.join(" ")).toContain(otherwise[kind] ?? said);
  }
});

test("seen from outside, a pipe and a device end in one line and exit code 2", async () => {
  const place = ["place", ...POOL_FLAGS, "--load"];
  await expectExit2(folder, [
    [[...place, odd["pipe"][0]], "is a pipe"],
    [[...place, "/dev/zero"], "/dev/zero: is a pipe, a socket or a device"],
  ]);
});

test("a link to a regular file is followed, unless others write to its folder", async () => {
  const [file, link] = [await folder.write("file", "x"), folder.path("good-link")];
  await symlink(file, link);
  const rules = { mostBytes: 1, smaller: "make it smaller" };
  expect(await readRegularFile(link, { ...rules, followLinks: true })).toEqual(Uint8Array.of(0x78));
  await expect(readRegularFile(link, { ...rules, followLinks: false })).rejects.toThrow(
    `${link}: is a link; expected a regular file`,
  );
  await folder.write("file", "xx");
  await expect(readRegularFile(link, { ...rules, followLinks: true })).rejects.toThrow(
    `${link}: has 2 bytes, more than 1; make it smaller`,
  );
});

test("what is no regular file is not replaced by a result", async () => {
  const args = ["place", ...POOL_FLAGS, "--load", pool.load, "--out"];
  for (const path of ["/dev/null", odd["pipe"][0], odd["folder"][0]]) {
    await expect(runHere(...args, path)).rejects.toThrow(
      `${path}: is no regular file, which would be replaced`,
    );
  }
});

test("a placement names its model among the shipped ones only, and no file to read", async () => {
  const out = folder.path("placement.json");
  await runHere("place", ...POOL_FLAGS, "--load", pool.load, "--out", out);
  const { readFile } = await import("node:fs/promises");
  const placement = JSON.parse(await readFile(out, "utf8")) as { model: { name: unknown } };
  placement.model.name = odd["pipe"][0].replace(/pipe$/, "pipe.yaml");
  await promisify(execFile)("mkfifo", [String(placement.model.name)]);
  const named = await folder.write("named.json", JSON.stringify(placement));
  await runHere(
    "convert",
    "--from",
    "plimsoll",
    "--to",
    "vllm-ascend",
    "--in",
    named,
    "--out",
    folder.path("s.json"),
  );
  expect(await folder.names()).toContain("s.json");
});

test("keys in keys of a configuration are refused, however many", async () => {
  const path = await folder.write("keys.yaml", `name: x\n${"? ".repeat(800)}a\n`);
  await expect(loadModel(path)).rejects.toThrow(
    /keys\.yaml:2:3: is a list, a mapping or bytes in the place of a name; write/,
  );
});

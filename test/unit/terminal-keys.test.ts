import { PassThrough } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { TerminalKeys, type TerminalKeysOptions } from "../../src/cli/terminal-keys.ts";

const opened: (TerminalKeys | null)[] = [];
afterEach(() => {
  for (const keys of opened.splice(0)) keys?.close();
});

/** A terminal's keyboard that says what was asked of it. */
function keyboard(isTTY = true) {
  const modes: boolean[] = [];
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode(this: unknown, raw: boolean) {
      modes.push(raw);
      return this;
    },
  });
  return { stream: stream as unknown as TerminalKeysOptions["keyboard"], modes, type: stream };
}

function open(board: ReturnType<typeof keyboard>, inForeground = () => true) {
  const heard: string[] = [];
  const keys = TerminalKeys.open({
    keyboard: board.stream,
    inForeground,
    signal: (name) => heard.push(name),
    onKey: (key) => heard.push(key),
  });
  opened.push(keys);
  return { keys, heard };
}

async function typed(board: ReturnType<typeof keyboard>, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    board.type.write(text);
    await nextTurn();
  }
}

it("hears single keys, also several at once, and no arrows", async () => {
  const board = keyboard();
  const { heard } = open(board);
  await typed(board, "s", "++", "\u001b[A", "k");
  expect(heard).toEqual(["s", "+", "+", "k"]);
});

it("leaves the terminal as it was, and hears nothing more", async () => {
  const board = keyboard();
  const { keys, heard } = open(board);
  keys?.close();
  keys?.close();
  await typed(board, "s");
  expect([board.modes, heard]).toEqual([[true, false], []]);
  expect(board.type.isPaused()).toBe(true);
});

it("leaves it so when the process ends, whatever ends it", () => {
  const board = keyboard();
  const before = process.listeners("exit");
  open(board);
  for (const atExit of process.listeners("exit").filter((one) => !before.includes(one))) atExit(1);
  expect(board.modes).toEqual([true, false]);
});

it.each([
  ["Ctrl-C", "\u0003", "SIGINT", [true]],
  ["Ctrl-\\", "\u001c", "SIGQUIT", [true, false]],
  ["Ctrl-Z", "\u001a", "SIGTSTP", [true, false]],
])("%s is what a terminal makes of it", async (_, key, signal, modes) => {
  const board = keyboard();
  const { heard } = open(board);
  await typed(board, key);
  expect([heard, board.modes]).toEqual([[signal], modes]);
});

it("hears keys again when the process goes on in the foreground", async () => {
  const board = keyboard();
  let foreground = true;
  const { heard } = open(board, () => foreground);
  await typed(board, "\u001a");
  foreground = false;
  process.emit("SIGCONT", "SIGCONT");
  expect(board.modes).toEqual([true, false]);
  foreground = true;
  process.emit("SIGCONT", "SIGCONT");
  await typed(board, "s");
  expect([heard, board.modes]).toEqual([
    ["SIGTSTP", "s"],
    [true, false, true],
  ]);
});

it("leaves alone what is no terminal, and one whose keys are for others", () => {
  for (const [board, foreground] of [
    [keyboard(false), true],
    [keyboard(), false],
  ] as const) {
    expect(open(board, () => foreground).keys).toBeNull();
    expect(board.modes).toEqual([]);
  }
});

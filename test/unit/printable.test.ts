import { expect, test, vi } from "vitest";
import { output } from "../../src/cli/output.ts";
import { printable } from "../../src/lib/printable.ts";

test.each([
  ["plain tëxt, 漢字 😀", "plain tëxt, 漢字 😀"],
  ["a\nb\r\tc", "a\\u000ab\\u000d\\u0009c"],
  ["\u001b[31mred\u001b[0m", "\\u001b[31mred\\u001b[0m"],
  ["\u009b2J\u007f\u0000", "\\u009b2J\\u007f\\u0000"],
  ["a\u2028b\u202ec\u2066", "a\\u2028b\\u202ec\\u2066"],
])("%j is shown as %s", (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("a line of progress stays one line, whoever said it", () => {
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  output(false).progress("engine said: \u001b[2Jready\nlistening on http://evil");
  expect(stderr.mock.calls).toEqual([["engine said: \\u001b[2Jready\\u000alistening on http://evil\n"]]);
  stderr.mockRestore();
});

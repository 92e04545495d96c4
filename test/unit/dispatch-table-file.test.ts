import { describe, expect, it } from "vitest";
import { writeDispatchTable } from "../../src/formats/dispatch-table.ts";

describe("a dispatch table's file", () => {
  const table = { layers: 1, experts: 3, entries: 2, slots: Int32Array.of(4, 4, 0, 3, -1, -1) };

  it("has every entry, or one where they are all the same, or none", () => {
    expect(writeDispatchTable(table, null)).toBe('{"entries":2,"table":[[[4],[0,3],[]]]}\n');
  });

  it("names its layers where they are known", () => {
    expect(writeDispatchTable(table, [3])).toBe('{"entries":2,"moe_layers":[3],"table":[[[4],[0,3],[]]]}\n');
  });
});

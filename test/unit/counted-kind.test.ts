import { expect, test } from "vitest";
import { CountedKind } from "../../src/control/ingest/counted-kind.ts";
import type { Counted } from "../../src/control/messages/received-counts.ts";

function votes(kind: CountedKind, counted: Counted, ...ranks: number[]): void {
  for (const rank of ranks) kind.vote(rank, counted);
}

test("the kind that more ranks report counts, and the others are named", () => {
  const kind = new CountedKind();
  expect([kind.decide(), kind.voted]).toEqual(["source", false]);
  votes(kind, "received", 3, 1, 2);
  votes(kind, "source", 4, 0);
  expect([kind.decide(), kind.minority]).toEqual(["received", [0, 4]]);
});

test("while ranks are replaced one by one, the kind changes once", () => {
  const kind = new CountedKind();
  votes(kind, "source", 0, 1, 2, 3);
  const kinds = [0, 1, 2, 3].map((rank) => {
    kind.vote(rank, "received");
    return kind.decide();
  });
  expect(kinds).toEqual(["source", "source", "received", "received"]);
  expect(kind.minority).toEqual([]);
});

test("a tie changes nothing, in either direction", () => {
  const kind = new CountedKind();
  votes(kind, "received", 0, 1, 2, 3);
  kind.decide();
  votes(kind, "source", 0, 1);
  expect([kind.decide(), kind.minority]).toEqual(["received", [0, 1]]);
});

test("ranks that report no more lose their votes; without any, the kind stays", () => {
  const kind = new CountedKind();
  votes(kind, "source", 0, 1, 2);
  for (let window = 0; window < 59; window++) {
    kind.vote(3, "received");
    expect(kind.decide()).toBe("source");
  }
  for (let window = 0; window < 2; window++) {
    kind.vote(3, "received");
    kind.decide();
  }
  expect([kind.decide(), kind.minority]).toEqual(["received", []]);
  for (let window = 0; window < 70; window++) kind.decide();
  expect([kind.decide(), kind.voted]).toEqual(["received", false]);
});

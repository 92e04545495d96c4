"""The plug-ins' tables for the cases of test/golden/dispatch-table.json on stdin, as JSON: `[cases][layers][experts][entries]`."""

import json
import sys

from plimsoll_eplb import tables

golden = json.load(sys.stdin)
placement, experts = golden["placement"], golden["experts"]
made = []
for case in golden["cases"]:
    entries = case["entries"]
    counts = bytes(count for row in case["counts"] for count in row)
    turn = tables.first_turn(case["rank"], entries)
    flat = list(tables.table(placement, counts, experts, entries, turn, hashed=True))
    rows = [flat[at : at + entries] for at in range(0, len(flat), entries)]
    made.append([rows[at : at + experts] for at in range(0, len(rows), experts)])
print(json.dumps(made))

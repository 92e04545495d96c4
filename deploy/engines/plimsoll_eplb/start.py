"""The placement that an engine is to start with, from a file (`plimsoll.placement/1`, or just its map)."""

import json

from . import settings, tables
from .placement import Answer, is_placement


def placement_of_file(layers, slots, experts, entries):
    """
    Raises where the file is of another model or pool.
    entries: of an expert in the tables of the file's shares; 0, or no shares: the engine's own tables
    """
    with open(settings.placement_file(), encoding="utf-8") as file:
        said = json.load(file)
    rows = said["physical_to_logical_map"]
    if not is_placement(rows, layers, slots, experts):
        has = f"{len(rows)} layers of {len(rows[0])} slots"
        raise ValueError(f"it has {has}; expected {layers} of {slots}, each layer with all {experts} experts")
    shares = said.get("shares")
    if not entries or shares is None:
        return Answer(rows)
    if [len(row) for row in shares] != [slots] * layers:
        raise ValueError("its shares are not of its slots")
    return Answer(rows, entries, tables.shared_counts(rows, shares, experts, entries))

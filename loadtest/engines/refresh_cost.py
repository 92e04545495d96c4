"""
What a share refresh costs: of an engine's step, and from new counts to the tables of all ranks.

    engines/bin/python loadtest/engines/refresh_cost.py [--ranks 2 --layers 58 --experts 256 --slots 9 --pool-ranks 32]

Ranks are processes on gloo with the plug-in's own rounds and tables of the size that vLLM has; a real gateway answers
for a pool of `--pool-ranks`. An engine's step is a sleep, in which the interpreter is free as it is while a GPU works.
Prints the time that steps take for the plug-in, and by how much they wake late, which also shows its thread in the way
(and whatever else the machine does). Exits 1 where the plug-in's work in any step takes above 5 ms of its thread's time,
(but for the copy into the table, which is begun and not waited for where the table is on a GPU), or a refresh in the
middle above 1 s.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

from gateway_process import Gateway
from story import free_port

_PLUG_INS = Path(__file__).resolve().parents[2] / "deploy/engines"
_STEPS, _EVERY, _STEP_S = 600, 100, 0.02
_MOST_STEP_MS, _MOST_REFRESH_MS = 5, 1000


def rank_of(options, rank):
    """Runs the steps of one rank; the first prints what they took."""
    sys.path.insert(0, str(_PLUG_INS))
    from plimsoll_eplb.live_tables import LiveTables
    from plimsoll_eplb.placement import Pool
    from plimsoll_eplb.rank import Rank
    from plimsoll_eplb.rounds import Rounds

    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=options.ranks)
    slots = options.slots * options.pool_ranks
    held = torch.arange(slots).remainder(options.experts).repeat(options.layers, 1)
    listed = torch.full((options.layers, options.experts, 1024), -1)
    counts = torch.zeros(options.layers, options.experts, dtype=torch.int64)
    pool = Pool(slots, 1, 4, options.pool_ranks, "shares", 64)
    live = Rank(LiveTables(listed, counts), pool, rank, True, held.tolist)
    switched = []
    refreshed = live.refreshed
    live.refreshed = lambda *what: (switched.append(time.monotonic()), refreshed(*what))
    rounds = Rounds(live, torch.zeros_like(held), None, _EVERY, {"name": "none", "rebalanceEvery": 0, "dispatch": "even"}, True)
    copied = []
    write = live.live.write
    live.live.write = lambda *what: copied.append(_timed(write, *what))
    begun = []
    begin = rounds._begin
    rounds._begin = lambda moving: (begun.append(time.monotonic()), begin(moving))
    random.seed(1)
    window = torch.tensor(
        [[int(10 * random.lognormvariate(0, 1)) for _ in range(slots)] for _ in range(options.layers)], dtype=torch.int32
    )
    took = []
    copies = 0
    for _ in range(_STEPS):
        at = time.monotonic()
        time.sleep(_STEP_S)
        woke, busy = time.monotonic(), time.thread_time()
        rounds.counted(window)
        rounds.stepped(False)
        work = time.thread_time() - busy
        if len(copied) > copies:
            copies, work = len(copied), work - copied[-1]
        took.append((time.monotonic() - woke, work, woke - at - _STEP_S))
    if rank == 0:
        whole = [end - start for start, end in zip(begun, switched)]
        print(json.dumps({"steps": took, "refreshes": whole, "copies": copied}))
    dist.barrier()
    os._exit(0)


def _timed(act, *what):
    began = time.thread_time()
    act(*what)
    return time.thread_time() - began


def main():
    parser = argparse.ArgumentParser(prog="refresh_cost.py")
    for name, value in {"ranks": 2, "layers": 58, "experts": 256, "slots": 9, "pool-ranks": 32}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--rank", type=int)
    options = parser.parse_args()
    if options.rank is not None:
        rank_of(options, options.rank)
    gateway = Gateway(free_port())
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "PLIMSOLL_URL": gateway.url,
        "PLIMSOLL_TIMEOUT_S": "20",
        "PLIMSOLL_POOL": "experts",
    }
    gateway.start()
    try:
        ranks = [
            subprocess.Popen([sys.executable, *sys.argv, "--rank", str(rank)], env=environment, stdout=subprocess.PIPE)
            for rank in range(options.ranks)
        ]
        said = [rank.communicate()[0] for rank in ranks]
    finally:
        gateway.die()
    told = json.loads(said[0])
    columns = [sorted(1000 * value for value in column) for column in zip(*told["steps"])]
    names = ["a step, as the clock has it", "a step, of its thread's time", "steps wake late, by the clock"]
    for name, values in zip(names, columns):
        middle, few, most = values[len(values) // 2], values[len(values) * 99 // 100 - 1], values[-1]
        print(f"{name}: {middle:.2f} ms in the middle, {few:.2f} in 1 of 100, {most:.2f} at most")
    refreshes = [1000 * taken for taken in told["refreshes"]]
    print(f"from counts to all tables: {', '.join(f'{taken:.0f}' for taken in refreshes)} ms")
    print(f"the copy into a table: {max(told['copies'], default=0) * 1000:.2f} ms at most; a GPU does it by itself")
    usual = sorted(refreshes)[len(refreshes) // 2] if refreshes else 1e9
    return 0 if columns[1][-1] <= _MOST_STEP_MS and usual <= _MOST_REFRESH_MS else 1


if __name__ == "__main__":
    sys.exit(main())

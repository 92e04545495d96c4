"""The ranks of an engine in a story (story.py): they do what their parent's lines of JSON say, and the first answers."""

import importlib
import json
import os
import sys
import time
import zlib
from types import SimpleNamespace

import torch
import torch.distributed as dist

TOP_K = 8
_MOST_STEPS = 2000


def main():
    told = SimpleNamespace(**json.loads(sys.argv[1]))
    torch.set_num_threads(1)
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = "127.0.0.1", str(told.port)
    # Large packages are imported once, before there are threads.
    plug_in = importlib.import_module(f"plimsoll_eplb.{told.engine}")
    adapter = importlib.import_module(f"{told.engine}_engine")
    adapter.prepare(told)
    plug_in.register()
    rank = next((rank for rank in range(1, told.ranks) if os.fork() == 0), 0)
    dist.init_process_group("gloo", rank=rank, world_size=told.ranks)
    engine = adapter.Engine(rank, told)
    generator = torch.Generator().manual_seed(1 + (rank if told.own_tokens else 0))
    while True:
        box = [json.loads(sys.stdin.readline()) if rank == 0 else None]
        dist.broadcast_object_list(box)
        order = box[0]
        if order is None:
            # Threads of the plug-in wait in their group: there is no orderly end of it.
            os._exit(0)
        done = _run(engine, order, told, rank, generator)
        if rank == 0:
            print(json.dumps(done), flush=True)


def _run(engine, order, told, rank, generator):
    """Steps of some tokens by a load; what became of the tokens of all."""
    load = torch.tensor(order["load"], dtype=torch.float64)
    gpus, nodes = told.ranks, told.nodes
    counts = torch.zeros(told.layers, told.slots * gpus, dtype=torch.int64)
    hops = wrong = 0
    slowest = 0.0
    rounds = engine.rounds()
    until = 0 if rounds is None else rounds.finished + order.get("rounds", 0)
    ran = 0
    # Ranks finish rounds in the same step.
    while ran < order["steps"] or (rounds is not None and rounds.finished < until and ran < _MOST_STEPS):
        ran += 1
        ids = [
            torch.multinomial(row, order["tokens"] * TOP_K, True, generator=generator).reshape(-1, TOP_K) for row in load
        ]
        slots = engine.slots().clone()
        for layer, (experts, chosen) in enumerate(zip(ids, engine.map(ids))):
            wrong += int((slots[layer][chosen.long()] != experts).sum())
            if told.own_tokens or rank == 0:
                counts[layer] += torch.bincount(chosen.flatten().long(), minlength=counts.shape[1])
            if order.get("hops"):
                node = chosen.long() // (told.slots * gpus // nodes)
                met = torch.zeros(len(node), nodes, dtype=torch.bool).scatter_(1, node, True)
                met[:, rank * nodes // gpus] = False
                hops += int(met.sum())
        began = time.monotonic()
        engine.end_step()
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(order.get("pause", 0))
    mine = engine.slots()[:, rank * told.slots : (rank + 1) * told.slots]
    wrong += int((engine.held() != mine).sum())
    listed, entries = engine.tables()
    sums = torch.tensor([hops, wrong, int(entries.sum())], dtype=torch.int64)
    dist.all_reduce(counts)
    dist.all_reduce(sums)
    most = torch.tensor([slowest])
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    by_gpu = counts.reshape(told.layers, gpus, -1).sum(dim=2).double()
    ratio = by_gpu.mean(dim=1) / by_gpu.amax(dim=1).clamp(min=1)
    return {
        "balancedness": float(by_gpu.mean(dim=1).sum() / by_gpu.amax(dim=1).sum().clamp(min=1)),
        "worst": float(ratio.min()),
        "nodeHops": sums[0].item() / (ran * order["tokens"] * gpus * told.layers),
        "steps": ran,
        "wrong": sums[1].item(),
        "entries": sums[2].item() / entries.numel() / gpus,
        "slowestMs": 1000 * most.item(),
        # Of the first rank: that they stay can be seen.
        "tables": zlib.crc32(listed.contiguous().numpy().tobytes(), int(entries.sum())),
    }


if __name__ == "__main__":
    main()

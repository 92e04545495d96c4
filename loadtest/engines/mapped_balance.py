"""
What tables are worth in the engines' own mapping functions: a placement for one load meets the next one, on all ranks of
a large pool in one process. Prints balancedness and node hops of the engine's own balancer beside ours, with shares
refreshed and with few slots moved. The environment is story.py's.

    engines/bin/python loadtest/engines/mapped_balance.py vllm   FIRST.json NEXT.json [--each-layer 8]
    engines/bin/python loadtest/engines/mapped_balance.py sglang FIRST.json NEXT.json --sources engines/src

Every rank routes tokens with exactly the load's parts of experts, in chance order; `--each-layer N` takes every Nth layer
that routes (Triton's interpreter takes seconds for a layer). vLLM's own balancer is its DefaultEplbPolicy, SGLang's is
`deepseek`; each places for the first load, and afresh for the next one.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from gateway_process import Gateway, rows_of
from story import free_port

_PLUG_INS = Path(__file__).resolve().parents[2] / "deploy/engines"
_TOP_K = 8


class Mapped:
    """Tokens of every rank, through the engine's function with that rank's tables."""

    def __init__(self, map_layer, width, hashed, options, rows):
        self._map = map_layer
        self._width = width
        self._hashed = hashed
        self._options = options
        self._rows = rows
        generator = torch.Generator().manual_seed(1)
        self._tokens = [
            [_tokens(row, options.tokens, generator) for row in rows] for _ in range(options.nodes * options.gpus)
        ]

    def __call__(self, answer):
        """Balancedness and node hops of a token, when tables carry the answer's shares (without: the engine's own)."""
        from plimsoll_eplb import tables

        options, experts = self._options, len(self._rows[0])
        ranks = options.nodes * options.gpus
        slots = len(answer.slots[0])
        counts = torch.zeros(len(self._rows), slots, dtype=torch.int64)
        hops = 0
        for rank, tokens in enumerate(self._tokens):
            if answer.entries:
                turn = tables.first_turn(rank, answer.entries)
                built = tables.table(
                    answer.slots, answer.counts_of(rank), experts, answer.entries, turn, self._hashed
                )
                listed = torch.frombuffer(built, dtype=torch.int64).reshape(-1, experts, answer.entries)
                entries = torch.full((len(self._rows), experts), answer.entries, dtype=torch.int64)
            else:
                listed, entries = _own_tables(answer.slots, experts)
            listed = torch.nn.functional.pad(listed, (0, self._width - listed.shape[2]), value=-1)
            for layer, chosen in enumerate(tokens):
                found = self._map(chosen, listed[layer], entries[layer], slots).long()
                counts[layer] += torch.bincount(found.flatten(), minlength=slots)
                node = found // (slots // options.nodes)
                met = torch.zeros(len(node), options.nodes, dtype=torch.bool).scatter_(1, node, True)
                met[:, rank // options.gpus] = False
                hops += int(met.sum())
        by_gpu = counts.reshape(len(self._rows), ranks, -1).sum(dim=2).double()
        level = by_gpu.mean(dim=1) / by_gpu.amax(dim=1)
        told = float(by_gpu.mean(dim=1).sum() / by_gpu.amax(dim=1).sum())
        return told, float(level.min()), hops / (len(self._rows) * ranks * options.tokens)


def _tokens(row, tokens, generator):
    """Experts `[tokens, topk]` of one rank: as many of each as its part of the load, in chance order."""
    part = torch.tensor(row, dtype=torch.float64) / sum(row) * tokens * _TOP_K
    counts = part.floor().long()
    left = tokens * _TOP_K - int(counts.sum())
    counts[(part - counts).topk(left).indices] += 1
    drawn = torch.repeat_interleave(torch.arange(len(row)), counts)
    return drawn[torch.randperm(len(drawn), generator=generator)].reshape(-1, _TOP_K)


def _own_tables(slots, experts):
    held = [[[] for _ in range(experts)] for _ in slots]
    for layer, row in zip(held, slots):
        for slot, expert in enumerate(row):
            layer[expert].append(slot)
    most = max(len(slots_of) for layer in held for slots_of in layer)
    listed = torch.tensor([[slots_of + [-1] * (most - len(slots_of)) for slots_of in layer] for layer in held])
    return listed, torch.tensor([[len(slots_of) for slots_of in layer] for layer in held])


def _vllm(told):
    import vllm_engine

    vllm_engine.prepare(told)
    from vllm.distributed.eplb.policy import DefaultEplbPolicy

    mapping = vllm_engine.mapping()
    yes = torch.tensor(True)

    def map_layer(chosen, listed, entries, slots):
        load = torch.zeros(slots, dtype=torch.int32)
        return mapping(chosen, load, listed, entries, yes)

    def own(rows, slots, nodes, ranks):
        return DefaultEplbPolicy.rebalance_experts(torch.tensor(rows), slots, told.groups, nodes, ranks).tolist()

    return map_layer, 1024, True, own


def _sglang(told):
    import sglang_engine

    sglang_engine.prepare(told)
    from sglang.srt.eplb import expert_location_dispatch
    from sglang.srt.eplb.eplb_algorithms import deepseek

    torch.manual_seed(1)

    def map_layer(chosen, listed, entries, slots):
        info = expert_location_dispatch.ExpertLocationDispatchInfo(
            ep_dispatch_algorithm="dynamic",
            partial_logical_to_rank_dispatch_physical_map=None,
            partial_logical_to_all_physical_map=listed,
            partial_logical_to_all_physical_map_num_valid=entries,
            num_physical_experts=slots,
        )
        return expert_location_dispatch.topk_ids_logical_to_physical(chosen, info)

    def own(rows, slots, nodes, ranks):
        hierarchical = told.groups % nodes == 0
        maps = deepseek.rebalance_experts(
            torch.tensor(rows), slots, told.groups, nodes, ranks, enable_hierarchical=hierarchical
        )
        return maps[0].tolist()

    return map_layer, told.slots, False, own


def main():
    parser = argparse.ArgumentParser(prog="mapped_balance.py")
    parser.add_argument("engine", choices=["vllm", "sglang"])
    parser.add_argument("first", type=Path)
    parser.add_argument("next", type=Path)
    parser.add_argument("--sources", type=Path)
    for name, value in {"nodes": 4, "gpus": 8, "slots": 9, "groups": 8, "tokens": 512, "entries": 64}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--each-layer", type=int, default=1)
    parser.add_argument("--adapt", action="store_true", help="from where the engine starts, not from scratch")
    parser.add_argument("--moves", type=float, nargs="*", default=[0.02])
    options = parser.parse_args()
    os.environ["TRITON_INTERPRET"] = "1"
    sys.path.insert(0, str(_PLUG_INS))
    placement = importlib.import_module("plimsoll_eplb.placement")
    ranks = options.nodes * options.gpus
    slots = ranks * options.slots
    told = SimpleNamespace(sources=options.sources, groups=options.groups, slots=slots)
    map_layer, width, hashed, own = {"vllm": _vllm, "sglang": _sglang}[options.engine](told)
    first, following = (rows_of(path)[:: options.each_layer] for path in (options.first, options.next))
    mapped = Mapped(map_layer, width, hashed, options, following)
    pool = placement.Pool(slots, options.groups, options.nodes, ranks, "shares", options.entries)
    gateway = Gateway(free_port())
    os.environ.update(PLIMSOLL_URL=gateway.url, PLIMSOLL_TIMEOUT_S="60")
    gateway.start()
    try:
        start = [[slot % len(row) for slot in range(slots)] for row in first] if options.adapt else None
        placed = placement.placement(first, pool, start)
        answers = {
            "engine's own, placed for the load before": placement.Answer(own(first, slots, options.nodes, ranks)),
            "engine's own, afresh": placement.Answer(own(following, slots, options.nodes, ranks)),
            "ours, placed for the load before": placed,
            "ours, shares refreshed": placement.refreshed(following, pool, placed.slots),
        }
        for part in options.moves:
            most = int(part * slots * len(first))
            answers[f"ours, {100 * part:g} % of the slots moved"] = placement.placement(
                following, pool, placed.slots, most
            )
    finally:
        gateway.die()
    print("| | balancedness | worst layer | node hops | slots moved |")
    print("|---|---|---|---|---|")
    before = {"engine's own, afresh": "engine's own, placed for the load before"}
    for what, answer in answers.items():
        told_level, worst, hops = mapped(answer)
        old = answers[before.get(what, "ours, placed for the load before")].slots
        moved = sum(a != b for rows in zip(old, answer.slots) for a, b in zip(*rows)) if "before" not in what else 0
        print(f"| {what} | {told_level:.3f} | {worst:.3f} | {hops:.2f} | {moved} |", flush=True)


if __name__ == "__main__":
    main()

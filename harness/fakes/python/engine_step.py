"""One EPLB step of an engine with the plug-in on four ranks: `engine_step.py vllm|sglang`, the load as JSON on stdin.

Prints what every rank came to. PYTHONPATH names the plug-in's folder and this one's.
"""

import importlib
import json
import sys

import ranks
import torch

engine = sys.argv[1]
plug_in = importlib.import_module(f"plimsoll_eplb.{engine}")
plug_in.register()
plug_in.register()
load = json.load(sys.stdin)
WORLD, SLOTS = 4, 20


def vllm():
    from vllm.distributed.eplb.policy import EPLB_POLICIES

    policy = EPLB_POLICIES["default"]
    return [policy.rebalance_experts(torch.tensor(load), SLOTS, 4, 2, WORLD, None).tolist()]


def sglang():
    from sglang.srt.eplb import eplb_algorithms

    maps = eplb_algorithms.rebalance_experts(
        tokens_per_expert=torch.tensor([load, load]),
        num_physical_experts=SLOTS,
        num_local_physical_experts=SLOTS // WORLD,
        num_groups=4,
        num_nodes=2,
        algorithm="auto",
    )
    return [part and part.tolist() for part in maps]


print(json.dumps(ranks.run(WORLD, {"vllm": vllm, "sglang": sglang}[engine])))

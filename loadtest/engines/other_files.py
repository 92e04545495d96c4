"""vLLM's, vllm-ascend's and TensorRT-LLM's own code: what they make of a placement."""

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Dict, List, Optional

import torch

REAL = {
    "vllm.distributed.eplb.eplb_state",
    "vllm_ascend.eplb.core.eplb_utils",
}


def vllm_maps(physical_map: torch.Tensor, experts: int):
    """Slots of every layer's experts, and how many: what vLLM derives from a map in every one of its paths."""
    from vllm.distributed.eplb.eplb_state import compute_logical_maps

    return compute_logical_maps(physical_map, experts)


def ascend_maps(path: Path, row: int, experts: int, ranks: int, rank: int, shared: int = 0):
    """What a rank of vllm-ascend makes of the row-th layer that routes to experts: (experts' place on it, their slots)."""
    from vllm_ascend.eplb.core.eplb_utils import init_eplb_config

    torch.Tensor.npu = lambda self: self
    # As AscendMoERunner does before it asks: mix placement counts shared experts among the others.
    moe = SimpleNamespace(num_experts=experts + shared, ep_size=ranks, ep_rank=rank)
    eplb = SimpleNamespace(expert_map_path=str(path), dynamic_eplb=False, num_redundant_experts=0)
    _, local, slots, redundant = init_eplb_config(eplb, row, moe, shared > 0, shared)
    return local, slots, redundant


def tensorrt_llm_config(source: Path):
    """The class MoeLoadBalancerConfig of a checkout's tensorrt_llm/llmapi/llm_args.py, as it is written there."""
    from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

    tree = ast.parse(source.read_text())
    wanted = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "MoeLoadBalancerConfig"]

    class StrictBaseModel(BaseModel):
        model_config = ConfigDict(extra="forbid")

    names = dict(StrictBaseModel=StrictBaseModel, Field=Field, PrivateAttr=PrivateAttr, Dict=Dict, List=List, Optional=Optional)
    exec(compile(ast.Module(wanted, []), str(source), "exec"), names)  # noqa: S102: the engine's own code is the point
    return names["MoeLoadBalancerConfig"]


def version(unpacked: Path, package: str) -> str:
    return next(unpacked.glob(f"{package}-*.dist-info")).stem.split("-")[1]

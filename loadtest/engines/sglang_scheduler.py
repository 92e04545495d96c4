"""What stands around the code of SGLang's scheduler while that is recorded, and how its methods are taken from the file."""

import ast
import builtins
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock


def methods_of(source: Path, owner: str, names: list[str], **known) -> dict:
    """The named methods of a class. What they name beside `known` and what Python has is a mock."""
    classes = {node.name: node for node in ast.parse(source.read_text()).body if hasattr(node, "name")}
    functions = {node.name: node for node in classes[owner].body if isinstance(node, ast.FunctionDef)}
    names_of = lambda code: {*code.co_names}.union(  # noqa: E731
        *(names_of(inner) for inner in code.co_consts if hasattr(inner, "co_names"))
    )
    methods = {}
    for name in names:
        function = functions[name]
        static = any(getattr(node, "id", "") == "staticmethod" for node in function.decorator_list)
        function.decorator_list, function.returns = [], None
        for argument in [*function.args.args, *function.args.kwonlyargs]:
            argument.annotation = None
        code = compile(ast.Module([function], []), source.name, "exec")
        for unknown in names_of(code) - {*known, *dir(builtins)}:
            known[unknown] = MagicMock(name=unknown)
        exec(code, known)
        methods[name] = staticmethod(known[name]) if static else known[name]
    return methods


class Bare:
    """Has nothing but what it is given: whatever else is asked of it is None."""

    def __init__(self, **given):
        self.__dict__.update(given)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)


class Tokens(Bare):
    """A cache of so many tokens, and no tree in front of it."""

    page_size = 1
    disable = True

    def available_size(self):
        return self.free

    def check_decode_capacity(self, *, num_tokens, **_):
        return num_tokens <= self.free

    def create_prefill_budget(self, tree, *, num_mixed_decode_tokens=0):
        return self.new_budget(self, tree, num_mixed_decode_tokens=num_mixed_decode_tokens)

    def supports_mamba(self):
        return False

    supports_prefix_sharing = supports_mamba
    request_slot_reserve = evictable_size = lambda self, **_: 0
    lock = unlock = finish_storage_prefetch_admission = discard_storage_prefetch_accounting = lambda self, *_, **__: None


class Request(Bare):
    def __init__(self, rid: int, prompt: int, answer: int):
        none = "host_hit_length swa_host_hit_length mamba_host_hit_length auxiliary_swa_host_hit_length"
        super().__init__(
            rid=rid, prompt=prompt, origin_input_ids=[0] * prompt, output_ids=[], computed=0, prefix_len=0,
            extend_end=0, inflight_middle_chunks=0, storage_hit_length=0,
            sampling_params=SimpleNamespace(ignore_eos=False, max_new_tokens=answer),
            kv=SimpleNamespace(holds_mamba=False, holds_kv=False, req_pool_idx=None, kv_committed_len=0),
            **dict.fromkeys(none.split(), 0),
        )  # fmt: skip

    @property
    def full_untruncated_fill_ids(self):
        return self.origin_input_ids + self.output_ids

    @property
    def extend_len(self):
        return self.extend_end - self.prefix_len

    def finished(self):
        return len(self.output_ids) == self.sampling_params.max_new_tokens

    def init_next_round_input(self, _tree=None):
        self.prefix_len = self.computed

    def needs_host_load_back(self):
        return False

    materialized_host_hit_len = lambda self: 0
    fulfilled_storage_hit_len = lambda self, _: 0


class Batch(Bare):
    def __init__(self, reqs=(), batch_is_full=False, chunked_req=None, prompts=False):
        super().__init__(reqs=list(reqs), batch_is_full=batch_is_full, chunked_req=chunked_req, answering=[])
        self.forward_mode = SimpleNamespace(is_extend=lambda: prompts)
        self.spec_algorithm = SimpleNamespace(is_none=lambda: True)

    @staticmethod
    def init_new(reqs, *_, chunked_req=None):
        return Batch(reqs, chunked_req=chunked_req, prompts=True)

    def is_empty(self):
        return not self.reqs

    def batch_size(self):
        return len(self.reqs)

    def filter_batch(self, reqs_to_exclude=(), keep_indices=None):
        if keep_indices is not None:
            self.reqs = [self.reqs[i] for i in keep_indices]
        else:
            self.reqs = [req for req in self.reqs if not req.finished() and req not in reqs_to_exclude]

    def merge_batch(self, other):
        self.reqs += other.reqs

    def mix_with_running(self, running):
        self.answering = running.reqs
        self.reqs = self.reqs + running.reqs

    def prepare_for_extend(self):
        pass

    def prepare_for_decode(self):
        self.answering = self.reqs
        self.forward_mode = SimpleNamespace(is_extend=lambda: False)

    def release_req(self, index, _remaining):
        req = self.reqs[index]
        self.token_to_kv_pool_allocator.free += req.computed
        req.computed, req.retracted_stain, req.kv.holds_kv, req.kv.req_pool_idx = 0, True, False, None
        return True



class Scheduler(Bare):
    def __init__(self, cache: Tokens, adder: type, ratio, step_tokens: int, running: int, mixed: bool):
        nothing = lambda *_, **__: None  # noqa: E731
        same = lambda batch, **_: batch  # noqa: E731
        super().__init__(
            token_to_kv_pool_allocator=cache, tree_cache=cache, page_size=1, chunked_prefill_size=step_tokens,
            max_prefill_tokens=16384, max_running_requests=running, max_prefill_bs=0, is_mixed_chunk=mixed,
            waiting_queue=[], retracted=[], adder=adder, new_token_ratio_tracker=ratio,
            grammar_manager=SimpleNamespace(has_waiting_grammars=lambda: False),
            policy=SimpleNamespace(calc_priority=nothing, shortest_prefill_chunk_limit=nothing),
            dp_attn_adapter=SimpleNamespace(
                maybe_prepare_mlp_sync_batch=same, maybe_convert_decode_to_extend=lambda batch: batch
            ),
            ngram_embedding_manager=SimpleNamespace(prepare_for_forward=same),
            tp_worker=MagicMock(**{"model_runner.prefill_aware_swa": False}),
            beam_coordinator=SimpleNamespace(pending_member_rows=lambda _: 0),
            req_to_token_pool=SimpleNamespace(available_size=lambda: running, mamba_allocator=None),
            load_inquirer=SimpleNamespace(_get_num_pending_tokens=nothing), metrics_reporter=Bare(),
            spec_algorithm=SimpleNamespace(is_none=lambda: True),
        )  # fmt: skip

    def get_prefill_adder_class(self):
        return self.adder

    def get_new_batch_prefill(self, running_batch):
        batch, running_batch = self._get_new_batch_prefill_raw(None, running_batch)
        return Bare(batch_to_run=batch, running_batch=running_batch)

    def _add_request_to_queue(self, req, is_retracted=False):
        self.waiting_queue.append(req)
        if is_retracted:
            self.retracted.append(req.rid)

    _reqs_finishing_inflight = lambda self, _: []
    process_pending_chunked_abort = _process_hicache_events = stash_chunked_request = lambda self, *_: None
    _should_defer_prefill = _arm_prefill_decode_interval = lambda self, _: False

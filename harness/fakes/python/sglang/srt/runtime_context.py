"""As in SGLang 0.5.23: what the server was started with."""

from types import SimpleNamespace

MOE = SimpleNamespace(
    ep_dispatch_algorithm="dynamic",
    moe_a2a_backend="deepep",
    elastic_ep_backend=None,
    eplb_rebalance_num_iterations=16,
)


def get_exec():
    return SimpleNamespace(moe=MOE)


def get_parallel():
    return SimpleNamespace(nnodes=2)

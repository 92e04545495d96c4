"""As in vLLM 0.32."""

from types import SimpleNamespace

import ranks


def get_eplb_group():
    assert ranks.group is not None, "EPLB group is not initialized."
    return ranks.group


def get_ep_group():
    return SimpleNamespace(device_group=ranks.group)


def get_node_count():
    return 2

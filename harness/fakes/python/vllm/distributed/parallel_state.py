"""As in vLLM 0.32."""

import ranks


def get_eplb_group():
    assert ranks.group is not None, "EPLB group is not initialized."
    return ranks.group

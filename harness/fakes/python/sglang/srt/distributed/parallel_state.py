"""As in SGLang 0.5.23."""

import ranks


def get_world_group():
    return ranks.group

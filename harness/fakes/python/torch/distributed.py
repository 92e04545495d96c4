"""A world of the threads that `engine_step.py` starts."""

import ranks


def is_initialized():
    return True


def get_world_size():
    return ranks.group.world_size

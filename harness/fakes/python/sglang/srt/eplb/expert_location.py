"""As in SGLang 0.5.23, before a map is known."""


def get_global_expert_location_metadata():
    return None

"""As in vLLM 0.32: who asks the policy where EPLB has a thread."""


def run_rebalance_experts(model_state, eplb_state, physical_to_logical_map_cpu, stream):
    stats = model_state.eplb_stats
    return eplb_state.policy.rebalance_experts(
        stats.load, stats.slots, 4, 2, stats.num_gpus, physical_to_logical_map_cpu
    )

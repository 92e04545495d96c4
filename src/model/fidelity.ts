/**
 * How a modelled pool works out a forward pass. `exact`: every token of every layer is dispatched. `sampled`: some
 * tokens in some layers are, and stand for all. `analytic`: expert counts are drawn from the expected load, and no
 * token is looked at.
 */
export const FIDELITIES = ["exact", "sampled", "analytic"] as const;

export type Fidelity = (typeof FIDELITIES)[number];

/** Of runs in virtual time: an hour of conversation traffic on 32 GPUs takes less than a minute. */
export const DEFAULT_FIDELITY: Fidelity = "analytic";

/** Of pools that run beside their gateway: tokens do go through dispatch, at a pace that two cores keep. */
export const LIVE_FIDELITY: Fidelity = "sampled";

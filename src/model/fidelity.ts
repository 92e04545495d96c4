/**
 * How a modelled pool works out a forward pass. `exact`: every token of every layer is dispatched. `sampled`: some
 * tokens in some layers are, and stand for all. `analytic`: expert counts are drawn from the expected load, and no
 * token is looked at.
 */
export const FIDELITIES = ["exact", "sampled", "analytic"] as const;

export type Fidelity = (typeof FIDELITIES)[number];

/** Of whoever does not choose. */
export const DEFAULT_FIDELITY: Fidelity = "sampled";

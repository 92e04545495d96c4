/**
 * The part of a link between nodes that expert weights have while they travel over it, and the exchange of tokens with
 * them: two flows at one link have half of it each, once congestion control has settled (DCQCN, SIGCOMM'15: flows
 * converge to equal rates).
 */
export const TRANSFER_PART = 0.5;

/**
 * How a selection finds its replica.
 * - `priced`: fewest node hops, then rank hops, against the price of loading a GPU beyond its part;
 * - `activation`: for decode: fewest activated experts on the worst GPU, then as `priced`;
 * - `even`: every expert's tokens are dealt out by the snapshot's shares, wherever they come from;
 * - `table`: a fixed replica per (source GPU, expert), so chosen that the replicas get their shares as nearly as whole
 *   GPUs allow, in the fewest node hops;
 * - `static`: a fixed replica per (source GPU, expert): on the GPU, else in the node, else a seeded choice (SGLang);
 * - `random`: uniform over the replicas.
 */
export const DISPATCH_POLICIES = ["priced", "activation", "even", "table", "static", "random"] as const;

export type DispatchPolicy = (typeof DISPATCH_POLICIES)[number];

/**
 * How the engine that gets a placement splits an expert's tokens over its replicas: what a placement is worth.
 * - `shares`: by weighted shares that follow the load (tables that list a slot several times, or per-rank tables of them);
 * - `even`: alike over all slots that hold the expert (vLLM, SGLang's `dynamic`, TensorRT-LLM);
 * - `static`: a fixed replica per source rank and expert: on the rank, else in its node, else dealt out (SGLang's `static`);
 * - `rank-table`: a fixed replica per source rank and expert, so that the shares are met in whole ranks;
 * - `priced`: by shares that are solved again for every batch (`core/dispatch`).
 */
export const CONSUMER_DISPATCHES = ["shares", "even", "static", "rank-table", "priced"] as const;

export type ConsumerDispatch = (typeof CONSUMER_DISPATCHES)[number];

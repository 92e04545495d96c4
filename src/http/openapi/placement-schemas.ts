import { type Schema, WHOLE, matrix, object } from "./operation.ts";

export const TOPOLOGY: Schema = object({ nodes: WHOLE, gpusPerNode: WHOLE, slotsPerGpu: WHOLE });
export const MAP: Schema = matrix(
  { type: "integer", minimum: -1 },
  "[layers][slots]: logical experts, -1 for none",
);

/** What routes of the expert plane have in common. */
export const EXPERT_PLANE = { tag: "expert plane", operators: true } as const;

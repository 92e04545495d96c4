import type { B } from "./cycle-b.ts"; // breaks import(no-cycle)

export type A = B | 0;

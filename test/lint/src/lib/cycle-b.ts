import type { A } from "./cycle-a.ts"; // breaks import(no-cycle)

export type B = A | 1;

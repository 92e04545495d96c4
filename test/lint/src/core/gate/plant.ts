import type { Twin } from "../../twin/twin.ts"; // breaks plimsoll(import-table)

export function now(): number {
  return Date.now(); // breaks eslint(no-restricted-globals)
}

export function later(work: () => void): void {
  globalThis.setTimeout(work, 1); // breaks eslint(no-restricted-globals)
}

export function draw(): number {
  return Math.random(); // breaks eslint(no-restricted-properties)
}

export type Simulated = Twin;

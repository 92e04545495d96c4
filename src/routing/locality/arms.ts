import { Rng } from "../../lib/rng.ts";

/** What requests are routed by in a comparison: as without, or by their experts. */
export const ARMS = ["control", "locality"] as const;
export type Arm = (typeof ARMS)[number];

/** Parts that sessions are divided into by lot; an arm has whole ones. */
export const UNITS = 400;
/** Of a period of a switchback, at its beginning: what is in flight then was sent by the other arm. */
const SETTLING = 0.25;

/** The part that a session falls into. @param key its hash, of 32 bits @param seed another division for each */
export function unitOf(key: number, seed: number): number {
  return new Rng(seed, key).below(UNITS);
}

/** @param percent of the parts that go by experts */
export function armOfUnit(unit: number, percent: number): Arm {
  return unit < (percent / 100) * UNITS ? "locality" : "control";
}

/** A moment of a switchback. */
export interface Period {
  /** 0, 1, 2, … */
  readonly number: number;
  readonly arm: Arm;
  /** Whether what is sent now is compared: its beginning is not. */
  readonly counts: boolean;
}

/**
 * Periods come in pairs, one of each arm, whose order is drawn.
 * @param atMs since 1970 @param lengthMs of one
 */
export function periodAt(atMs: number, lengthMs: number, seed: number): Period {
  const at = atMs / lengthMs;
  const number = Math.floor(at);
  const first = new Rng(seed, Math.floor(number / 2)).below(2);
  return { number, arm: ARMS[(first + number) % 2], counts: at - number >= SETTLING };
}

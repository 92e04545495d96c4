import type { FittedEngine } from "../../model/fitted-engine.ts";
import type { Parallelism } from "../../twin/calibration/serving-point.ts";

/** What a pool of a unit does. */
export type PoolRole = "engine" | "prefill" | "decode";

/** What every server listens on, and what ranks of several nodes meet at. */
export const SERVER_PORT = 8000;
export const MEETING_PORT = 5000;

/** How a pool of a unit is started, as far as a plan decides it. */
export interface EngineStart {
  readonly role: PoolRole;
  readonly shape: Parallelism;
  /** Tokens that a rank forwards in a step at most. */
  readonly stepTokens: number;
  /** Requests that a rank runs at most. */
  readonly running: number;
  readonly experts: number;
  readonly redundantExperts: number;
  /** What clients ask for. */
  readonly name: string;
  /** Where engines find the weights: a name on Hugging Face, or a folder. */
  readonly checkpoint: string;
  /** What the weights are made in while they are loaded; null where they are in the plan's precision as they lie there. */
  readonly quantize: "fp8" | null;
  /** Whether keys and values are kept in FP8. */
  readonly cacheFp8: boolean;
  /** Machines that it is spread over, and whether one NVLink domain has all of its GPUs. */
  readonly nodes: number;
  readonly oneDomain: boolean;
}

/** What is known of a node where it is started: a word, or what stands for it. */
export interface NodeWords {
  /** Of the unit's nodes, from 0. */
  readonly rank: string;
  /** The address of the first of them. */
  readonly first: string;
  /** Its own address. */
  readonly own: string;
}

export interface EngineCommand {
  /** The program and its arguments, each by itself. */
  readonly words: readonly string[];
  /** Added on all nodes of a unit but the first. */
  readonly elsewhere: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What a file holds that the arguments name. */
  readonly options: { readonly file: string; readonly text: string } | null;
}

/** An engine's words for a start. */
export type StartWords = (start: EngineStart, node: NodeWords) => EngineCommand;

/** Versions whose own parsers took these words (loadtest/engines/parse_starts.py), and images of them. */
export const ENGINE_VERSIONS: Readonly<Record<FittedEngine, string>> = {
  vllm: "0.32.0",
  sglang: "0.5.23",
  trtllm: "1.2.1",
};

export function gpusOfNode({ shape, nodes }: EngineStart): number {
  return (shape.tp * shape.dp) / nodes;
}

/** Whether ranks exchange tokens with experts on GPUs of other NVLink domains. */
export function exchangesFar({ shape, oneDomain }: EngineStart): boolean {
  return !oneDomain && shape.dp > 1 && shape.ep > 1;
}

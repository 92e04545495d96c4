import { InputError } from "../../lib/errors.ts";

/** Things that a running pool is asked, each by itself. */
export const WHAT_IFS = ["slots", "traffic", "nodes"] as const;
export type WhatIf = (typeof WHAT_IFS)[number];

/** What is asked, with what a gateway does not know of real engines. */
export interface WhatIfQuestion {
  readonly what: WhatIf;
  /** Its type, by a name of the catalogue. */
  readonly gpu: string | null;
  /** Tokens of a rank's step, and GPUs that share the attention of a sequence. */
  readonly stepTokens: number | null;
  readonly attentionTp: number | null;
}

const SOURCE = "body";
const NAME = /^[a-z0-9][a-z0-9-]{0,40}$/;
const MOST_STEP_TOKENS = 131_072;
const MOST_ATTENTION_TP = 64;
const FIELDS = ["what", "gpu", "stepTokens", "attentionTp"];

/** @throws InputError */
export function readWhatIf(body: Readonly<Record<string, unknown>>): WhatIfQuestion {
  const unknown = Object.keys(body).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new InputError(SOURCE, unknown, `is not known; expected ${FIELDS.join(", ")}`);
  const { what } = body;
  const asked = WHAT_IFS.find((one) => one === what);
  if (asked === undefined)
    throw new InputError(SOURCE, "what", `is ${JSON.stringify(what)}; expected ${WHAT_IFS.join(", ")}`);
  return {
    what: asked,
    gpu: gpuOf(body["gpu"]),
    stepTokens: countOf("stepTokens", body["stepTokens"], MOST_STEP_TOKENS),
    attentionTp: countOf("attentionTp", body["attentionTp"], MOST_ATTENTION_TP),
  };
}

/** A stranger names nothing but what is in the catalogue. */
function gpuOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && NAME.test(value)) return value;
  throw new InputError(SOURCE, "gpu", `is ${JSON.stringify(value)}; expected a name of the catalogue: h200`);
}

function countOf(field: string, value: unknown, most: number): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new InputError(SOURCE, field, `is ${JSON.stringify(value)}; expected a whole number in 1..${most}`);
}

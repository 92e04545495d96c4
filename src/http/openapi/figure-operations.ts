import {
  ANYTHING,
  type Operation,
  NUMBER,
  type Schema,
  TEXT,
  WHOLE,
  json,
  list,
  object,
  orNull,
  query,
} from "./operation.ts";
import { EXPERT_PLANE, TOPOLOGY } from "./placement-schemas.ts";

const NODE: Schema = { type: "integer", minimum: 0 };
const HISTORY = [
  query("from", "Milliseconds since 1970, or a time such as 2026-12-01T09:30:00Z", TEXT),
  query("to", "As `from`", TEXT),
  query("step", "Seconds: 1, 10, or a multiple of 60", TEXT),
  query("format", "`csv` too by `Accept: text/csv`", { enum: ["json", "csv"] }),
];

/** Rows of a pool's history, in two forms. */
function rows(description: string): Operation["answers"] {
  const whole = object(
    { pool: TEXT, from: WHOLE, to: WHOLE, step: WHOLE, rows: list(ANYTHING) },
    "from",
    "to",
    "step",
  );
  return { 200: { description, content: { "application/json": whole, "text/csv": TEXT } } };
}

/** What a pool did, and how it was. */
export const FIGURE_OPERATIONS: readonly Operation[] = [
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/history/:pool",
    summary: "A pool's last day",
    query: HISTORY,
    answers: rows("Rows of its figures"),
  },
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/history/:pool/gpus",
    summary: "What its GPUs did",
    query: [
      ...HISTORY,
      query("at", "A moment, in place of `from` and `to`", TEXT),
      query("figures", "Some of held, load, kvUse, waiting, running, fullest, with commas between", TEXT),
    ],
    answers: rows("Rows of its GPUs"),
  },
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/changes/:pool/:decision",
    summary: "What a decision changed, slot by slot",
    answers: {
      200: json(
        "The change",
        object({
          pool: TEXT,
          decision: WHOLE,
          epochBefore: WHOLE,
          epochAfter: WHOLE,
          topology: TOPOLOGY,
          slots: list(list(WHOLE)),
          touched: list(list(NUMBER)),
        }),
      ),
    },
  },
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/forecast/:pool",
    summary: "The load that the placement in force was made for",
    answers: {
      200: json(
        "The load",
        object({
          pool: TEXT,
          decision: orNull(WHOLE),
          atMs: orNull(NUMBER),
          load: orNull(list(list(NUMBER))),
        }),
      ),
    },
  },
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/exchange/:pool",
    summary: "Who sends tokens to whom",
    query: [
      query("from", "A node whose GPUs' rows are wanted too, in `block`", NODE),
      query("to", "A node whose GPUs' columns are wanted too", NODE),
    ],
    answers: {
      200: json(
        "The exchange",
        object({ pool: TEXT, exchange: orNull(ANYTHING), block: orNull(ANYTHING) }, "block"),
      ),
    },
  },
];

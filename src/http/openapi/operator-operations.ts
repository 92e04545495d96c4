import { TRACE_SPEEDS } from "../../model/simulation.ts";
import {
  ANYTHING,
  FLAG,
  NUMBER,
  type Operation,
  TEXT,
  WHOLE,
  json,
  list,
  object,
  oneOfFields,
  orNull,
  query,
} from "./operation.ts";

const operators = { tag: "operators", operators: true } as const;
const everybody = { tag: "gateway", operators: false } as const;

const ORDERED: Operation["answers"] = {
  202: json(
    "It is in the audit log and on its way to the leader",
    object({ accepted: FLAG, pool: TEXT, order: ANYTHING }),
  ),
};

const READY = object(
  {
    status: { enum: ["ready", "not_ready", "stopping"] },
    pools: { ...ANYTHING, additionalProperties: object({ ready: FLAG }) },
    store: { enum: ["reachable", "unreachable"] },
    storeFault: orNull(TEXT),
    epochs: { ...ANYTHING, additionalProperties: WHOLE },
  },
  "storeFault",
);

const SIMULATION = json(
  "What is so now",
  object(
    { pool: TEXT, traffic: orNull(ANYTHING), shifts: WHOLE, lost: list(ANYTHING), slow: list(ANYTHING) },
    "lost",
    "slow",
  ),
);

const METRICS: Operation["answers"] = {
  200: {
    description: "Prometheus' text format, or OpenMetrics for who asks for it",
    content: { "text/plain": TEXT, "application/openmetrics-text": TEXT },
  },
};

function order(what: string, summary: string): Operation {
  return { ...operators, method: "post", path: `/admin/pools/:pool/${what}`, summary, answers: ORDERED };
}

export const OPERATOR_OPERATIONS: readonly Operation[] = [
  {
    ...everybody,
    method: "get",
    path: "/health",
    summary: "Whether the process answers",
    answers: { 200: json("It does", object({ status: { const: "ok" } })) },
  },
  {
    ...everybody,
    method: "get",
    path: "/ready",
    summary: "Whether the gateway serves, and if not, why",
    answers: { 200: json("Some pool can serve", READY), 503: json("None can", READY) },
  },
  {
    ...everybody,
    method: "get",
    path: "/openapi.json",
    summary: "This description",
    answers: { 200: json("OpenAPI 3.1", ANYTHING) },
  },
  {
    ...everybody,
    method: "get",
    path: "/",
    summary: "The dashboard's page",
    answers: { 200: { description: "The page", content: { "text/html": TEXT } } },
  },
  {
    ...operators,
    method: "get",
    path: "/metrics",
    summary: "Every metric but those of single experts",
    answers: METRICS,
  },
  {
    ...operators,
    method: "get",
    path: "/metrics/experts",
    summary: "Metrics of single experts",
    answers: METRICS,
  },
  {
    ...operators,
    method: "get",
    path: "/admin/state",
    summary: "The state of pools, shards and the store",
    answers: { 200: json("The state", object({ gateway: TEXT, store: ANYTHING, pools: list(ANYTHING) })) },
  },
  {
    ...operators,
    method: "get",
    path: "/admin/locality/:model",
    summary: "What routing a model's requests by their experts comes to",
    query: [query("format", "`html` too by `Accept: text/html`", { enum: ["json", "html"] })],
    answers: {
      200: { description: "The report", content: { "application/json": ANYTHING, "text/html": TEXT } },
    },
  },
  order("ranks/:rank/drain", "Take a rank out of service once others have its experts"),
  order("ranks/:rank/undrain", "Put it back"),
  order("pause", "Change no placement, but to bring missing experts back"),
  order("resume", "Change placements again"),
  order("rebalance", "Weigh placements now"),
  {
    ...order("rollback", "Go back to the placement of an earlier epoch"),
    body: json("The epoch", object({ epoch: { type: "integer", minimum: 1 } })),
  },
  {
    ...operators,
    method: "get",
    path: "/admin/pools/:pool/explain",
    summary: "The last decision: what was weighed, and why",
    answers: {
      200: json(
        "The decision",
        object({
          pool: TEXT,
          epoch: WHOLE,
          change: orNull(ANYTHING),
          decision: orNull(TEXT),
          explanation: orNull(ANYTHING),
        }),
      ),
    },
  },
  {
    ...operators,
    method: "get",
    path: "/admin/pools/:pool/audit",
    summary: "Every order, with who gave it",
    query: [query("count", "How many, the newest", { type: "integer", minimum: 1, maximum: 99_999 })],
    answers: { 200: json("The orders", object({ pool: TEXT, entries: list(ANYTHING) })) },
  },
  {
    ...operators,
    method: "get",
    path: "/admin/pools/:pool/simulation",
    summary: "What was done to a simulated pool",
    answers: { 200: SIMULATION },
  },
  {
    ...operators,
    method: "post",
    path: "/admin/pools/:pool/simulation",
    summary: "Do something to a simulated pool",
    body: json(
      "One thing to do",
      oneOfFields({
        lose: WHOLE,
        restore: WHOLE,
        stop: WHOLE,
        slow: object({ rank: WHOLE, factor: { type: "integer", minimum: 1, maximum: 100 } }),
        shift: { const: true },
        traffic: NUMBER,
        pause: FLAG,
        again: { const: true },
        speed: { enum: TRACE_SPEEDS },
        jump: { type: "number", minimum: 0 },
      }),
    ),
    answers: { 200: SIMULATION },
  },
];

import { ACK_PHASES } from "../../control/messages/pool-message.ts";
import { COUNTED } from "../../control/messages/received-counts.ts";
import {
  ANYTHING,
  FLAG,
  type Operation,
  NUMBER,
  type Schema,
  TEXT,
  WHOLE,
  header,
  json,
  list,
  matrix,
  object,
  query,
} from "./operation.ts";
import { EXPERT_PLANE, MAP, TOPOLOGY } from "./placement-schemas.ts";

const INCARNATION: Schema = {
  ...WHOLE,
  description: "Which start of the rank this is of; another at each start",
};
const TAG = [
  header("if-none-match", "The last answer's `ETag`: with `wait`, the answer comes when there is another"),
];
const WAIT = query("wait", "Seconds to wait for something new, 60 at most", NUMBER);
const ACCEPTED = { accepted: FLAG, rank: WHOLE };
/** What ranks report, and fetch. */
export const RANK_OPERATIONS: readonly Operation[] = [
  {
    ...EXPERT_PLANE,
    method: "post",
    path: "/ep/v1/load",
    summary: "Report expert loads",
    query: [query("pool", "The pool, of a body in bytes", TEXT)],
    body: {
      description: "What a rank has counted in a window of time, as JSON or in bytes",
      content: {
        "application/json": object(
          {
            pool: TEXT,
            rank: { ...WHOLE, description: "Without it the counts are the whole pool's" },
            incarnation: INCARNATION,
            window: { ...WHOLE, description: "A number that grows: a rank's window counts once" },
            windowMs: { type: "number", exclusiveMinimum: 0 },
            counts: { enum: COUNTED },
            logical_count: matrix({ type: "number", minimum: 0 }, "[layers][experts]: tokens"),
            engine: { ...ANYTHING, description: "What the engine's own load balancing does" },
          },
          "rank",
          "incarnation",
          "window",
          "counts",
          "engine",
        ),
        "application/vnd.plimsoll.load": { type: "string", contentMediaType: "application/octet-stream" },
      },
    },
    answers: {
      202: json(
        "What became of it",
        object({ accepted: FLAG, verdict: { enum: ["taken", "duplicate", "late"] }, hint: TEXT }, "hint"),
      ),
    },
  },
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/placement/:pool",
    summary: "The placement that ranks are to hold",
    query: [
      WAIT,
      query("state", "Leaves out what is pending", { enum: ["published"] }),
      query("format", "What is in force as the file that an engine is started with", {
        enum: ["sglang", "tensorrt-llm", "vllm-ascend"],
      }),
    ],
    headers: TAG,
    answers: {
      200: json(
        "The placement",
        object(
          {
            pool: TEXT,
            epoch: WHOLE,
            state: { enum: ["pending", "published"] },
            layers: list(WHOLE),
            published: WHOLE,
            retire: WHOLE,
            missing: list(ANYTHING),
            topology: TOPOLOGY,
            physical_to_logical_map: MAP,
          },
          "layers",
          "published",
        ),
      ),
      304: { description: "Nothing new", content: {} },
    },
  },
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/shares/:pool",
    summary: "Shares and prices",
    query: [WAIT],
    headers: TAG,
    answers: {
      200: json(
        "The shares in force",
        object({
          pool: TEXT,
          epoch: WHOLE,
          missing: list(ANYTHING),
          shares: matrix(NUMBER, "[layers][slots]: the part of its expert's tokens that a slot gets"),
          prices: matrix(NUMBER, "[layers][gpus]: what one more token adds to the layer's maximum"),
        }),
      ),
      304: { description: "Nothing new", content: {} },
    },
  },
  {
    ...EXPERT_PLANE,
    method: "post",
    path: "/ep/v1/acks",
    summary: "Acknowledge a stage of a rollout",
    body: json(
      "Which rank has done what",
      object(
        { pool: TEXT, epoch: WHOLE, rank: WHOLE, incarnation: INCARNATION, phase: { enum: ACK_PHASES } },
        "incarnation",
        "phase",
      ),
    ),
    answers: {
      202: json(
        "It is on its way to the leader",
        object({ ...ACCEPTED, epoch: WHOLE, phase: { enum: ACK_PHASES } }),
      ),
    },
  },
  {
    ...EXPERT_PLANE,
    method: "post",
    path: "/ep/v1/ranks",
    summary: "Report that a rank is lost, or ready",
    body: json(
      "The rank",
      object(
        { pool: TEXT, rank: WHOLE, incarnation: INCARNATION, state: { enum: ["lost", "ready"] } },
        "incarnation",
      ),
    ),
    answers: { 202: json("It is stored", object({ ...ACCEPTED, state: { enum: ["lost", "ready"] } })) },
  },
  {
    ...EXPERT_PLANE,
    method: "get",
    path: "/ep/v1/events",
    summary: "What happens, as server-sent events",
    answers: {
      200: {
        description: "`history` first, then an event for each change",
        content: { "text/event-stream": TEXT },
      },
    },
  },
];

import { isDeepStrictEqual } from "node:util";
import { readFileSync } from "node:fs";
import {
  parseBinaryLoad,
  parseIncarnation,
  parseLoadReport,
  parseRank,
} from "../../../src/control/ingest/load-report.ts";
import { solveBody } from "../../../src/control/solve/solve-request.ts";
import { BadRequest, readCompletionRequest } from "../../../src/engines/simulated/completion-request.ts";
import { readHealthCheck } from "../../../src/picker/wire/health-messages.ts";
import { readProcessingRequest } from "../../../src/picker/wire/processing-request.ts";
import { readSavedPlan } from "../../../src/plans/saved-plan.ts";
import { readQuestion } from "../../../src/plans/read-question.ts";
import { readWhatIf } from "../../../src/plans/what-if/question.ts";
import { FormScan } from "../../../src/serving/request/form-field.ts";
import { requestFacts } from "../../../src/serving/request/request-facts.ts";
import { BodyScan, scanBody } from "../../../src/serving/request/scan-body.ts";
import { InvalidRequest } from "../../../src/serving/refusals.ts";
import { SMALL_MODEL } from "../../small-model.ts";
import { type FuzzedParser, ParserFault } from "../parser.ts";
import { jsonObject } from "./json.ts";
import { pieces } from "./pieces.ts";

const text = (whole: string) => Buffer.from(whole);

const SHAPE = { layers: 2, experts: 3, gpus: 4 };
const ANONYMOUS = { tenant: "anonymous", priority: 0, session: null, models: null, owner: null, rank: -1 };
const BODIES = [
  text(
    '{"model":"small","messages":[{"role":"user","content":"é 世界"}],"stream":true,"max_tokens":16,"user":"a","tools":[{"type":"function"}]}',
  ),
  text(
    '{"prompt":["a","b"],"model":"x:y","max_completion_tokens":1e3,"n":2,"routed_dp_rank":3,"return_routed_experts":true,"kv_transfer_params":{"a":1}}',
  ),
  text(
    '{ "input" : [ { "type" : "input_image", "image_url" : "data:image/png;base64,AAAA" } ], "previous_response_id" : "r", "sampling_params" : { "max_new_tokens" : 7 } , "bootstrap_room":1}',
  ),
];
const BODY_TOKENS = [
  '"model":',
  '"messages":',
  '"prompt":',
  '"max_tokens":',
  '"routed_dp_rank":',
  '"\\u006dodel":',
  '"image_url"',
  "\\ud83d",
  "\\u0000",
  "\xc3\xa9",
  "e+9",
];
const FORM = text(
  '--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nsmall\r\n--x--\r\n',
);
const FORM_TOKENS = [
  "--x",
  "\r\n--x\r\n",
  "--x--",
  "\r\n\r\n",
  'name="model"',
  "filename*=UTF-8''",
  "; ",
  '\\"',
];
const MESSAGES = envoyMessages();

/** What clients, ranks, operators and a proxy send. */
export const REQUEST_PARSERS: readonly FuzzedParser[] = [
  { name: "request-body", files: BODIES, tokens: BODY_TOKENS, read: readBody },
  { name: "request-form", files: [FORM], tokens: FORM_TOKENS, read: readForm },
  {
    name: "completion-request",
    files: BODIES.slice(0, 1),
    tokens: BODY_TOKENS,
    refusals: [BadRequest],
    read: (bytes) => readCompletionRequest(true, bytes),
  },
  {
    name: "binary-load",
    files: [binaryLoad(2, [1, 2, 3, 4, 5, 6]), binaryLoad(-1, [0, 0, 0, 7, 8, 9])],
    tokens: ["EPLD"],
    read: (bytes) => parseBinaryLoad(bytes, SHAPE),
  },
  {
    name: "load-report",
    files: [
      text(
        '{"rank":1,"window":7,"incarnation":5,"windowMs":1000,"counts":"received","logical_count":[[1,2,3],[4,5,6]]}',
      ),
      text(
        '{"windowMs":1000,"logical_count":[[1,2.5,3],[4,5,6]],"engine":{"name":"vllm","step":9,"rebalances":2,"rebalanceEvery":3000,"dispatch":"even","balancedness":0.5}}',
      ),
    ],
    read: (bytes) => parseLoadReport(jsonObject(bytes), SHAPE),
  },
  {
    name: "acknowledgement",
    files: [text('{"epoch":1,"rank":3,"phase":"prepared","incarnation":7}'), text('{"rank":0,"run":1}')],
    read: (bytes) => {
      const body = jsonObject(bytes);
      return [parseRank(body["rank"], SHAPE.gpus), parseIncarnation(body)];
    },
  },
  {
    name: "solve-request",
    files: [
      text('{"load":[[5,1,1,1],[1,1,7,2]],"topology":{"nodes":1,"gpusPerNode":2,"slotsPerGpu":3}}'),
      text(
        '{"logical_count":[[5,1],[1,1]],"topology":{"nodes":1,"gpusPerNode":2,"slotsPerGpu":1},"dispatch":"even"}',
      ),
    ],
    tokens: [
      '"groups":',
      '"previous":',
      '"gpuSlots":',
      '"outOfService":',
      '"model":"small"',
      '"entries":',
      '"maxMoves":',
    ],
    // What it asks for may be larger than what it says.
    valuesPerByte: Number.POSITIVE_INFINITY,
    read: (bytes) => solveBody(bytes, [SMALL_MODEL]),
  },
  {
    name: "plan-question",
    files: [text('{"model":"deepseek-v3","gpu":"h200","rate":20,"ttftP95":2000,"itlP95":50}')],
    read: (bytes) => readQuestion(jsonObject(bytes), "body"),
  },
  {
    name: "saved-plan",
    files: [
      text(
        '{"format":"plimsoll.plan/1","asked":{"model":"deepseek-v3","rate":20},"answer":null,"runs":{"of":"k","known":[]}}',
      ),
    ],
    read: (bytes) => readSavedPlan(jsonObject(bytes), "f"),
  },
  {
    name: "what-if-question",
    files: [text('{"what":"traffic","gpu":"h200","stepTokens":8192,"attentionTp":2}')],
    read: (bytes) => readWhatIf(jsonObject(bytes)),
  },
  { name: "processing-request", files: MESSAGES, refusals: [Error], read: readProcessingRequest },
  { name: "health-check", files: [Buffer.of(0x0a, 1, 0x61)], refusals: [Error], read: readHealthCheck },
];

/** In parts as it arrives, it comes to the same as whole. */
function readBody(bytes: Buffer): unknown {
  const whole = orRefusal(() => scanBody(bytes));
  const cut = orRefusal(() => {
    const scan = new BodyScan();
    let length = 0;
    for (const piece of pieces(bytes)) {
      length += piece.length;
      scan.read(bytes.subarray(0, length));
    }
    return scan.end();
  });
  checkAlike(whole, cut);
  if (whole instanceof InvalidRequest) throw whole;
  return requestFacts(bytes, ANONYMOUS, whole);
}

function readForm(bytes: Buffer): unknown {
  const whole = orRefusal(() => modelOf([bytes], bytes));
  const cut = orRefusal(() => modelOf(pieces(bytes), bytes));
  checkAlike(whole, cut);
  if (whole instanceof InvalidRequest) throw whole;
  return whole;
}

/** Of several faults another may be named. */
function checkAlike(whole: unknown, cut: unknown): void {
  if (whole instanceof InvalidRequest && cut instanceof InvalidRequest) return;
  if (!isDeepStrictEqual(whole, cut)) throw new ParserFault("reads otherwise in parts");
}

function modelOf(parts: readonly Buffer[], all: Buffer): string | null {
  const scan = new FormScan('multipart/form-data; boundary="x"', "model");
  let length = 0;
  for (const part of parts) {
    length += part.length;
    scan.read(all.subarray(0, length));
  }
  return scan.end();
}

function orRefusal<T>(read: () => T): T | InvalidRequest {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidRequest) return error;
    throw error;
  }
}

function binaryLoad(rank: number, counts: readonly number[]): Buffer {
  const bytes = Buffer.alloc(48 + 4 * counts.length);
  bytes.write("EPLD");
  bytes.writeUInt16LE(1, 4);
  bytes.writeInt32LE(rank, 8);
  bytes.writeUInt32LE(SHAPE.layers, 12);
  bytes.writeUInt32LE(SHAPE.experts, 16);
  bytes.writeDoubleLE(1000, 40);
  for (const [i, count] of counts.entries()) bytes.writeUInt32LE(count, 48 + 4 * i);
  return bytes;
}

/** What a real Envoy has sent. */
function envoyMessages(): Buffer[] {
  const path = new URL("../../../test/golden/envoy-exchanges.json", import.meta.url);
  const exchanges = JSON.parse(readFileSync(path, "utf8")) as readonly {
    readonly messages: readonly { readonly from: string; readonly message: string }[];
  }[];
  const sent = exchanges.flatMap(({ messages }) => messages.filter(({ from }) => from === "proxy"));
  return sent.slice(0, 30).map(({ message }) => Buffer.from(message, "base64"));
}

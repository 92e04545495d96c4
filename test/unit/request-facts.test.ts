import { expect, test } from "vitest";
import { ANONYMOUS, requestFacts } from "../../src/serving/request/request-facts.ts";

const NOBODY = { tenant: ANONYMOUS, priority: 0, session: null, rank: -1, models: null, owner: null };

function factsOf(text: string, origin = NOBODY) {
  return requestFacts(Buffer.from(text), origin);
}

test.each([
  ['{"max_tokens":1e308}', 2 ** 20],
  ['{"max_completion_tokens":1000000000}', 2 ** 20],
  ['{"sampling_params":{"max_new_tokens":999999999}}', 2 ** 20],
  ['{"max_output_tokens":100}', 100],
  ["{}", null],
])("%s asks for %s tokens", (text, tokens) => {
  expect(factsOf(text).maxTokens).toBe(tokens);
});

test("a prompt of megabytes counts as the longest context there is", () => {
  expect(factsOf(`{"prompt":"${"a".repeat(8_000_000)}"}`).inputTokens).toBe(2 ** 20);
  expect(factsOf('{"prompt":"what is this?!"}').inputTokens).toBe(4);
});

test("the rank: by the header, else by the body, in the newer name before the older", () => {
  const both = '{"data_parallel_rank":3,"routed_dp_rank":2}';
  expect(factsOf(both, { ...NOBODY, rank: 1 }).rank).toBe(1);
  expect(factsOf(both).rank).toBe(2);
  expect(factsOf('{"data_parallel_rank":3,"routed_dp_rank":null}').rank).toBe(3);
  expect(factsOf('{"data_parallel_rank":-3}').rank).toBe(-1);
});

test.each([
  ['{"model":"m","bootstrap_room":7}', '{"model":"m"}'],
  ['{ "\\u0062ootstrap_host" : "evil" , "model":"m"}', '{"model":"m"}'],
  ['{"kv_transfer_params":{"a":["]"]},"data_parallel_rank":1}', "{}"],
  ['{"routed_dp_rank":1,"bootstrap_port":2,"model":"m","bootstrap_port":3,"n":1}', '{"model":"m","n":1}'],
  ['{"messages":[{"bootstrap_room":7}]}', '{"messages":[{"bootstrap_room":7}]}'],
])("of %s engines get %s", (text, sent) => {
  expect(factsOf(text).body?.toString()).toBe(sent);
});

test("a body without such fields goes on as it is", () => {
  const body = Buffer.from('{"model":"m"}');
  expect(requestFacts(body, NOBODY).body).toBe(body);
});

test("no model is one case, however it is written; another kind of value is refused", () => {
  for (const text of ["{}", '{"model":null}', '{"model":""}']) expect(factsOf(text).model).toBeNull();
  for (const text of ['{"model":1}', '{"model":["m"]}', '{"model":true}'])
    expect(() => factsOf(text)).toThrow(/model/);
});

test("the response that a request goes on from", () => {
  expect(factsOf('{"previous_response_id":"resp_1"}').responseId).toBe("resp_1");
  expect(factsOf('{"previous_response_id":null}').responseId).toBeNull();
});

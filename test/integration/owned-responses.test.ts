import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ResponseServer, responseServer } from "../../harness/fakes/response-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { keyHash } from "../../src/config/operator-key.ts";

const KEYS = {
  a: "sk-a-0123456789abcdef",
  /** Of the same tenant. */
  a2: "sk-a2-0123456789abcdef",
  b: "sk-b-0123456789abcdef",
};
type Who = keyof typeof KEYS;

let servers: readonly ResponseServer[];

beforeAll(async () => {
  servers = await Promise.all([responseServer("x"), responseServer("y")]);
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

function config(kind: string): string {
  const key = (name: Who, tenant: string) =>
    `${name}: { hash: "sha256:${keyHash(KEYS[name])}", tenant: ${tenant} }`;
  const urls = servers.map(({ url }) => url).join(", ");
  return `access: { keys: { ${key("a", "first")}, ${key("a2", "first")}, ${key("b", "second")} } }
pools: [{ name: p, kind: ${kind}, policy: round-robin, models: [m], urls: [${urls}] }]`;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function ask(
  { url }: RunningGateway,
  who: Who,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const headers = { authorization: `Bearer ${KEYS[who]}` };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(url + path, { method, headers, ...sent });
  return { status: response.status, text: await response.text() };
}

async function give(gateway: RunningGateway, who: Who, more: object = {}): Promise<string> {
  const { text } = await ask(gateway, who, "POST", "/v1/responses", { model: "m", input: "x", ...more });
  return /"id":"(resp_[^"]+)"/.exec(text)?.[1] ?? `none: ${text}`;
}

/** All that can be asked about a stored response but to delete it, with a refusal's words for any id. */
async function tried(gateway: RunningGateway, who: Who, id: string): Promise<readonly Answer[]> {
  const follow = { model: "m", input: "y", previous_response_id: id };
  const path = `/v1/responses/${encodeURIComponent(id)}`;
  const answers = await Promise.all([
    ask(gateway, who, "POST", "/v1/responses", follow),
    ask(gateway, who, "GET", path),
    ask(gateway, who, "GET", `${path}/input_items`),
    ask(gateway, who, "POST", `${path}/cancel`),
  ]);
  return answers.map(({ status, text }) => ({ status, text: text.replaceAll(id, "ID") }));
}

const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status);
const ALL_GOOD = [200, 200, 200, 200];
const NONE = [404, 404, 404, 404];

describe.each([
  ["vllm", true],
  ["sglang", true],
  ["trtllm", true],
  ["openai", false],
])("servers of kind %s", (kind, knownElsewhere) => {
  let gateway: RunningGateway;
  /** As another gateway, another worker or a later start: it has seen nothing. */
  let other: RunningGateway;
  beforeAll(async () => {
    [gateway, other] = await Promise.all([startGateway(config(kind)), startGateway(config(kind))]);
  });
  afterAll(async () => {
    await Promise.all([gateway.stop(), other.stop()]);
  });

  test.each([false, true])("a tenant's response is its own, streamed: %s", async (stream) => {
    for (let i = 0; i < 3; i++) {
      const id = await give(gateway, "a", { stream });
      expect(servers.some(({ kept }) => kept.has(id))).toBe(true);
      for (const through of [gateway, other]) {
        // What is another's is answered as what nobody has, and no server is asked.
        const refused = await tried(through, "b", id);
        expect(statuses(refused)).toEqual(NONE);
        expect(refused).toEqual(await tried(through, "b", "resp_none"));
        const deleted = await ask(through, "b", "DELETE", `/v1/responses/${id}`);
        expect(JSON.parse(deleted.text)).toEqual({
          error: {
            message: `Response with id '${id}' not found.`,
            type: "invalid_request_error",
            param: "id",
            code: "response_not_found",
            reason: "response_not_found",
          },
        });
        const asked = servers.flatMap((server) => server.asked);
        for (const line of ["GET /v1/responses/resp_none", `DELETE /v1/responses/${id}`])
          expect(asked).not.toContain(line);
        const mayKnow = through === gateway || knownElsewhere;
        expect(statuses(await tried(through, "a2", id))).toEqual(mayKnow ? ALL_GOOD : NONE);
      }
      expect((await ask(gateway, "a", "DELETE", `/v1/responses/${id}`)).status).toBe(200);
    }
  });

  test("nobody gets at another's by giving it once more under its id", async () => {
    const id = await give(gateway, "a");
    // Of two fields of one name the later counts, and an escape is the letter itself.
    const names = [`{"request_id":"${id}","request\\u005fid":"${id}",`, `,"request_id":"${id}"}`];
    const bodies = [
      `${names[0]}"model":"m","input":"x"}`,
      `{"model":"m","input":"x","store":false${names[1]}`,
    ];
    for (const through of [gateway, other])
      for (const body of [...bodies, ...bodies, ...bodies]) {
        const headers = { authorization: `Bearer ${KEYS.b}` };
        const given = await fetch(`${through.url}/v1/responses`, { method: "POST", headers, body });
        expect([given.status, (await given.text()).includes(id)]).toEqual([200, false]);
        expect(statuses(await tried(through, "b", id))).toEqual(NONE);
      }
    expect(statuses(await tried(gateway, "a", id))).toEqual(ALL_GOOD);
  });

  test("a name too long to be read here is not left to an engine to read", async () => {
    const previous = { previous_response_id: `resp_${"x".repeat(1100)}` };
    const refused = await ask(gateway, "b", "POST", "/v1/responses", { model: "m", input: "x", ...previous });
    expect(refused.status).toBe(400);
  });
});

test("without keys, who knows an id has the response, and requests name what ids they like", async () => {
  const yaml = config("vllm").split("\n")[1];
  const gateway = await startGateway(yaml);
  try {
    const id = await give(gateway, "a", { request_id: "resp_mine" });
    expect(id).toBe("resp_mine");
    expect(statuses(await tried(gateway, "b", id))).toEqual(ALL_GOOD);
    // Keys that come later know nothing of it.
    await gateway.reload(config("vllm"));
    expect(statuses(await tried(gateway, "a", id))).toEqual(NONE);
  } finally {
    await gateway.stop();
  }
});

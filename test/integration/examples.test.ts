import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { ExampleEngines, type WrittenConfig } from "../../harness/fakes/example-engines.ts";
import { readConfig } from "../../harness/fakes/start-gateway.ts";
import { compose } from "../../src/compose.ts";
import { FoundServers } from "../../src/discovery/found-servers.ts";

const EXAMPLES = new URL("../../config/examples/", import.meta.url);

/** One process, on this machine's own ports; the key is the fake's. */
const HERE = {
  PLIMSOLL_WORKERS: "1",
  PLIMSOLL_HTTP_HOST: "127.0.0.1",
  PLIMSOLL_PICKER_HOST: "127.0.0.1",
  ENGINE_API_KEY: "sesame",
  PLIMSOLL_KEY: "an operator",
};

let engines: ExampleEngines;
beforeAll(async () => {
  engines = await ExampleEngines.start();
});
afterAll(() => engines[Symbol.asyncDispose]());

/** The example's gateway as `serve` runs it, in front of fakes. */
async function served(written: WrittenConfig) {
  await engines.serve(written);
  const picker = "picker" in written ? { PLIMSOLL_PICKER_PORT: "0" } : {};
  const config = await readConfig(stringify(written), { ...HERE, ...picker });
  const found = new FoundServers(
    async () => [],
    () => {},
  );
  const terms = { routing: null, recordTokens: 0, onFault: () => {}, onNotice: () => {} };
  const app = await compose(await found.expand(config), terms);
  const { url } = await app.start();
  const stop = async () => {
    await app.stop();
    await found.keep(null);
  };
  return { url, stop };
}

/** So many requests at once go to every pool that has an even part of them. */
const TIMES = 8;

/** Status and pool of each of some requests for a model at once. */
function ask(url: string, model: string): Promise<(readonly [number, string])[]> {
  const path = model === "bge-m3" ? "/v1/embeddings" : "/v1/chat/completions";
  const body = JSON.stringify({ model, input: "a", messages: [{ role: "user", content: "a" }] });
  return Promise.all(
    Array.from({ length: TIMES }, async () => {
      const response = await fetch(url + path, { method: "POST", body });
      await response.arrayBuffer();
      return [response.status, (response.headers.get("x-plimsoll-shard") ?? "").split("/", 1)[0]] as const;
    }),
  );
}

test.each(readdirSync(EXAMPLES))("the example %s serves every model of every pool", async (name) => {
  const written = parse(await readFile(new URL(name, EXAMPLES), "utf8")) as WrittenConfig;
  const models = [...Object.keys(written.models ?? {}), ...written.pools.flatMap((pool) => pool.models)];
  const { url, stop } = await served(written);
  try {
    const answers = (await Promise.all([...new Set(models)].map((model) => ask(url, model)))).flat();
    expect(answers.map(([status]) => status)).toEqual(answers.map(() => 200));
    const roles = new Set(answers.map(([, pool]) => pool.replace(/\.decode$/, "")));
    expect(roles).toEqual(new Set(written.pools.map((pool) => pool.name)));
  } finally {
    await stop();
  }
});

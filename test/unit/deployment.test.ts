import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { isKey } from "../../src/config/operator-key.ts";

interface Service {
  readonly environment?: Record<string, string>;
  readonly secrets?: readonly string[];
}

interface Compose {
  readonly services: Record<"plimsoll" | "prometheus", Service>;
  readonly secrets: Record<string, { readonly environment: string }>;
  readonly configs: Record<"plimsoll" | "prometheus", { readonly content: string }>;
}

const KEY = "0123456789abcdef";
const given: Record<string, string> = { PLIMSOLL_KEY: KEY, MODEL: "m", UPSTREAM_URL: "http://10.0.0.1:8000" };

let folder: ScratchFolder;
let image: Record<string, string>;
let compose: Compose;
beforeAll(async () => {
  folder = await scratchFolder();
  const text = await textOf("Dockerfile");
  image = Object.fromEntries(
    [...text.matchAll(/(PLIMSOLL_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
  );
  compose = parse(await textOf("deploy/compose/compose.yaml")) as Compose;
});
afterAll(() => folder[Symbol.asyncDispose]());

function textOf(path: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
}

/** As Compose puts in what is given, or stops where that is wanted and missing. */
function interpolated(text: string): string {
  return text.replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => given[name]);
}

test("a container listens for all, and starts with a key only", async () => {
  const path = await folder.write("gateway.yaml", interpolated(compose.configs.plimsoll.content));
  await expect(loadConfig(path, image)).rejects.toThrow("names PLIMSOLL_KEY, which is not set");
  const { http, operatorKeyHash, notes } = await loadConfig(path, { ...image, PLIMSOLL_KEY: KEY });
  expect(http).toMatchObject({ host: "0.0.0.0", operatorKeyEnv: "PLIMSOLL_KEY" });
  expect(isKey(KEY, operatorKeyHash ?? "")).toBe(true);
  expect(notes).toEqual([]);
});

test("Compose gives the gateway the key, and Prometheus the same one in the file that it reads it from", () => {
  const { plimsoll, prometheus } = compose.services;
  expect(interpolated(plimsoll.environment?.["PLIMSOLL_KEY"] ?? "")).toBe(KEY);
  const [secret] = prometheus.secrets ?? [];
  expect(compose.secrets[secret]).toEqual({ environment: "PLIMSOLL_KEY" });
  const scraped = parse(compose.configs.prometheus.content) as object;
  expect(scraped).toMatchObject({
    scrape_configs: [{ authorization: { credentials_file: `/run/secrets/${secret}` } }],
  });
});

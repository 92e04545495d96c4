import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import manifest from "../../package.json" with { type: "json" };
import { loadConfig } from "../../src/config/load-config.ts";
import { imageEnvironment } from "../image-environment.ts";
import { dashboards } from "../dashboards.ts";
import { isKey } from "../../src/config/operator-key.ts";

interface Service {
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly environment?: Record<string, string>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
}

interface Compose {
  readonly services: Record<"plimsoll" | "prometheus" | "grafana", Service>;
  readonly secrets: Record<string, { readonly environment: string }>;
  readonly configs: Record<"plimsoll", { readonly content: string }>;
}

const KEY = "0123456789abcdef";
const given: Record<string, string> = { PLIMSOLL_KEY: KEY, MODEL: "m", UPSTREAM_URL: "http://10.0.0.1:8000" };

let folder: ScratchFolder;
let image: Record<string, string>;
let compose: Compose;
beforeAll(async () => {
  folder = await scratchFolder();
  image = await imageEnvironment();
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
  const { PLIMSOLL_KEY: _, ...keyless } = image;
  await expect(loadConfig(path, keyless)).rejects.toThrow("names PLIMSOLL_KEY, which is not set");
  const { http, operatorKeyHash, notes } = await loadConfig(path, image);
  expect(http).toMatchObject({ host: "0.0.0.0", operatorKeyEnv: "PLIMSOLL_KEY" });
  expect(isKey(KEY, operatorKeyHash ?? "")).toBe(true);
  expect(notes).toEqual([]);
});

test("a container is open to clients without keys only where that is said, and Compose publishes it here alone", async () => {
  const pools = 'pools: [{ name: p, kind: openai, models: [m], urls: ["http://a"] }]';
  const path = await folder.write("silent.yaml", pools);
  await expect(loadConfig(path, image)).rejects.toThrow(/PLIMSOLL_HTTP_HOST: http\.host is 0\.0\.0\.0/);
  const said = await loadConfig(path, { ...image, PLIMSOLL_ACCESS_ANONYMOUS: "true" });
  expect(said.http.host).toBe("0.0.0.0");
  const cluster = parse(await textOf("deploy/compose/cluster.yaml"), { merge: true }) as Compose;
  for (const { services, configs } of [compose, cluster]) {
    for (const { ports = [] } of Object.values(services))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const [name, { content }] of Object.entries(configs)) {
      if (!content.includes("pools:")) continue;
      const { access } = await loadConfig(await folder.write(`${name}.yaml`, interpolated(content)), image);
      expect(access.anonymous).toBe(true);
    }
  }
});

test("the image runs what the npm package does, not as root, and writes nothing", async () => {
  const text = await textOf("Dockerfile");
  const steps = text.slice(text.lastIndexOf("\nFROM "));
  expect(steps).toContain("\nUSER node\n");
  expect(steps).toMatch(/\nHEALTHCHECK [^\n]*\\\n +CMD (.*)\n/);
  expect(steps).toContain(`CMD ["node", "${manifest.bin}", "health"]\n`);
  expect(steps).toContain(`\nENTRYPOINT ["node", "${manifest.bin}"]\n`);
  expect(compose.services.plimsoll).toMatchObject({ read_only: true, tmpfs: ["/tmp"] });
});

test("systemd waits for streams as long as the gateway does, and does not start bad configuration again", async () => {
  const unit = await textOf("deploy/systemd/plimsoll.service");
  const settings = Object.fromEntries(unit.split("\n").map((line) => line.split(/=(.*)/, 2)));
  const { http } = await loadConfig(null);
  expect(Number(settings["TimeoutStopSec"]) * 1000).toBeGreaterThan(http.graceMs);
  expect(settings).toMatchObject({
    ExecStart: "/usr/bin/env plimsoll serve --config /etc/plimsoll/config.yaml",
    ExecReload: "/bin/kill -HUP $MAINPID",
    RestartPreventExitStatus: "2",
  });
});

test("Compose gives the gateway the key, and Prometheus the same one in the file that it reads it from", async () => {
  const { plimsoll, prometheus } = compose.services;
  expect(interpolated(plimsoll.environment?.["PLIMSOLL_KEY"] ?? "")).toBe(KEY);
  const [secret] = prometheus.secrets ?? [];
  expect(compose.secrets[secret]).toEqual({ environment: "PLIMSOLL_KEY" });
  expect(prometheus.volumes).toEqual(["../prometheus:/etc/prometheus:ro"]);
  const { scrape_configs: jobs } = parse(await textOf("deploy/prometheus/prometheus.yml")) as {
    scrape_configs: { job_name: string; authorization?: object }[];
  };
  const authorization = { credentials_file: `/run/secrets/${secret}` };
  expect(jobs.filter(({ job_name: job }) => job.startsWith("plimsoll"))).toMatchObject([
    { job_name: "plimsoll", authorization },
    { job_name: "plimsoll-experts", authorization },
  ]);
  const targets = parse(await textOf("deploy/prometheus/targets/gateways.yml")) as { targets: string[] }[];
  expect(targets).toMatchObject([{ targets: [`plimsoll:${image["PLIMSOLL_HTTP_PORT"]}`] }]);
});

test("Grafana finds the dashboards where its provisioning looks for them, and asks the Prometheus beside it", async () => {
  const folders = new Map(
    (compose.services.grafana.volumes ?? []).map((volume) => volume.split(":", 2) as [string, string]),
  );
  const at = (path: string) =>
    [...folders].find(([from]) => `deploy/${from.replace("../", "")}` === path)?.[1] ?? "";
  const providers = parse(await textOf("deploy/grafana/provisioning/dashboards/plimsoll.yaml")) as object;
  expect(providers).toMatchObject({ providers: [{ options: { path: at("deploy/grafana/dashboards") } }] });
  expect(at("deploy/grafana/provisioning")).toBe("/etc/grafana/provisioning");
  const sources = parse(await textOf("deploy/grafana/provisioning/datasources/prometheus.yaml")) as object;
  expect(sources).toMatchObject({ datasources: [{ type: "prometheus", url: "http://prometheus:9090" }] });
});

test("bars by layer and by rank stand in the order of their numbers: Prometheus orders them as text", async () => {
  const bars = (await dashboards()).flatMap(({ panels }) => panels.filter(({ type }) => type === "bargauge"));
  expect(bars.length).toBeGreaterThan(0);
  for (const { title, targets = [], transformations = [] } of bars) {
    const [{ expr, format }] = targets;
    const label = /^max by \((\w+)\)/.exec(expr)?.[1];
    const as = (destinationType: string) => ({ conversions: [{ targetField: label, destinationType }] });
    expect([title, format]).toEqual([title, "table"]);
    expect(transformations).toMatchObject([
      { id: "convertFieldType", options: as("number") },
      { id: "sortBy", options: { sort: [{ field: label }] } },
      // Its text is what a bar is called.
      { id: "convertFieldType", options: as("string") },
      { id: "organize", options: { excludeByName: { Time: true } } },
    ]);
  }
});

test("dashboards have names of their own, and their panels do not lie over each other", async () => {
  const all = await dashboards();
  expect(all.length).toBe(new Set(all.flatMap(({ uid }) => uid)).size);
  for (const { file, title, panels, templating, annotations } of all) {
    expect([file, title.startsWith("Plimsoll / ")]).toEqual([file, true]);
    expect([file, panels.length]).toEqual([file, new Set(panels.map(({ id }) => id)).size]);
    expect(templating.list.map(({ name }) => name)).toEqual(["datasource", "pool"]);
    for (const { expr, step, target } of annotations.list)
      expect([file, target]).toEqual([file, { refId: "Anno", expr, interval: step }]);
    const taken = new Set<string>();
    for (const { title: name, gridPos } of panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([file, name, x < 24, taken.has(`${x} ${y}`)]).toEqual([file, name, true, false]);
          taken.add(`${x} ${y}`);
        }
  }
});

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { deadUrl } from "./start-openai-server.ts";

const STARTS_WITHIN_MS = 20_000;
const SHIPPED = fileURLToPath(new URL("../../deploy/prometheus", import.meta.url));

/** Whether Debian's package `prometheus` is installed, or both programs are on the path by other means. */
export const HAS_PROMETHEUS = ["prometheus", "promtool"].every(
  (name) => spawnSync(name, ["--version"]).error === undefined,
);

/** Of `GET /api/v1/query`. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atSeconds: number, value: string];
}

/** A real Prometheus of a test's own, by the configuration that is shipped. */
export interface PrometheusServer extends AsyncDisposable {
  /** @throws Error where the query is none */
  query(text: string): Promise<readonly Sample[]>;
  /** `GET /api/v1/…` */
  get(path: string): Promise<unknown>;
}

/**
 * Scrapes once a second, without a key.
 * @param targets the text of files in `targets/`, by name; what is not named has none
 */
export async function startPrometheus(targets: Readonly<Record<string, string>>): Promise<PrometheusServer> {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-prometheus-"));
  await cp(SHIPPED, folder, { recursive: true });
  const config = join(folder, "prometheus.yml");
  const shipped = await readFile(config, "utf8");
  const often = shipped.replaceAll(/(scrape_interval|evaluation_interval): \w+/g, "$1: 1s");
  await writeFile(config, often.replaceAll(/^ *authorization: .*\n/gm, ""));
  for (const name of ["gateways", "experts", "vllm", "sglang"])
    await writeFile(join(folder, "targets", `${name}.yml`), targets[name] ?? "[]\n");
  const url = await deadUrl();
  const child = spawn(
    "prometheus",
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${url.slice("http://".length)}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, GOMAXPROCS: "1" } },
  );
  const said = textOf(child);
  const stop = async () => {
    if (child.exitCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    await rm(folder, { recursive: true });
  };
  const get = async (path: string) => {
    const response = await fetch(`${url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  try {
    await ready(url, child);
  } catch (error) {
    await stop();
    throw new Error(`Prometheus did not start: ${await said}`, { cause: error });
  }
  return {
    get,
    query: async (text) =>
      ((await get(`query?query=${encodeURIComponent(text)}`)) as { result: readonly Sample[] }).result,
    [Symbol.asyncDispose]: stop,
  };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  for (const from = Date.now(); Date.now() - from < STARTS_WITHIN_MS; await sleep(100)) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    const answered = await fetch(`${url}/-/ready`).catch(() => null);
    if (answered?.ok === true) return;
  }
  throw new Error("it was not ready in time");
}

async function textOf({ stderr }: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of stderr ?? []) text += String(chunk);
  return text;
}

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { compose } from "../../src/compose.ts";
import { FoundServers } from "../../src/discovery/found-servers.ts";
import { ServerNames } from "../../src/discovery/server-names.ts";
import { ServerWatch, withServers } from "../../src/discovery/server-watch.ts";
import { Rng } from "../../src/lib/rng.ts";
import { FakePod, streamOf } from "../../harness/fakes/fake-pod.ts";
import { KubernetesApi } from "../../harness/fakes/kubernetes-api.ts";
import { readConfig } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";
import { RUNS_TIMEOUT_MS, runs } from "../runs.ts";

const CHANGES = runs(60);
const BETWEEN_MS = 25;
const CLIENTS = 6;
const MOST_PODS = 5;
/** Addresses that pods take from each other. */
const ADDRESSES = 8;

type Conditions = Readonly<Record<"ready" | "serving" | "terminating", boolean>>;
const READY = { ready: true, serving: true, terminating: false };
const ENDING = { ready: false, serving: true, terminating: true };

/** Pods of one Service, listed in two slices; one stays throughout. */
class Pods {
  readonly api: KubernetesApi;
  readonly #rng: Rng;
  readonly #listed = new Map<FakePod, Conditions>();
  readonly #ending: Promise<void>[] = [];
  #port = 0;
  #begun = 0;

  constructor(api: KubernetesApi, rng: Rng) {
    this.api = api;
    this.#rng = rng;
  }

  get ready(): readonly FakePod[] {
    return [...this.#listed].flatMap(([pod, { ready }]) => (ready ? [pod] : []));
  }

  /** One pod comes, or one goes. */
  async change(): Promise<void> {
    const { ready } = this;
    if (this.#free.length === 0) return;
    const grows = ready.length <= 2 || (ready.length < MOST_PODS && this.#rng.uniform() < 0.5);
    if (grows) await this.begin();
    else this.#end(ready[1 + this.#rng.below(ready.length - 1)]);
    if (this.#rng.uniform() < 0.02) this.api.cut();
    if (this.#rng.uniform() < 0.02) this.api.compact();
  }

  get #free(): readonly string[] {
    const taken = new Set([...this.#listed.keys()].map(({ address }) => address));
    return Array.from({ length: ADDRESSES }, (_, i) => `127.0.3.${i + 1}`).filter((one) => !taken.has(one));
  }

  async begin(): Promise<FakePod> {
    const free = this.#free;
    const n = ++this.#begun;
    // Names come again, as those of StatefulSets do.
    const names = new Set([...this.#listed.keys()].map(({ name }) => name));
    const name =
      Array.from({ length: ADDRESSES + 1 }, (_, i) => `engine-${i}`).find((one) => !names.has(one)) ?? "";
    const pod = await FakePod.start(name, `uid-${n}`, free[this.#rng.below(free.length)], this.#port);
    this.#port = pod.port;
    this.#listed.set(pod, READY);
    this.#write();
    return pod;
  }

  /** It is told to end as the list says so; its address is free when its last answer is over. */
  #end(pod: FakePod): void {
    this.#listed.set(pod, ENDING);
    this.#write();
    const laterMs = this.#rng.uniform() < 0.5 ? 0 : 40;
    this.#ending.push(this.#ended(pod, laterMs));
  }

  async #ended(pod: FakePod, laterMs: number): Promise<void> {
    await sleep(laterMs);
    await pod.end();
    this.#listed.delete(pod);
    this.#write();
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#ending);
    await Promise.all(this.ready.map((pod) => pod.end()));
  }

  /** Pods move from slice to slice, and may be in both. */
  #write(): void {
    const endpoints = [...this.#listed].map(([{ name, uid, address }, conditions]) => ({
      addresses: [address],
      conditions,
      targetRef: { kind: "Pod", name, uid },
    }));
    const cut = this.#rng.below(endpoints.length + 1);
    const shape = {
      labels: { "kubernetes.io/service-name": "engines" },
      ports: [{ name: "http", port: this.#port }],
    };
    this.api.put("engines-a", { ...shape, endpoints: endpoints.slice(0, cut + 1) });
    this.api.put("engines-b", { ...shape, endpoints: endpoints.slice(cut) });
  }
}

test(
  `pods come and go ${CHANGES} times under load, and no request is lost`,
  async () => {
    await using api = await KubernetesApi.start();
    const pods = new Pods(api, new Rng(21));
    const stays = await pods.begin();
    await pods.begin();
    const written = await readConfig(`
health: { probe: { intervalMs: 2000 }, slowStart: { durationMs: 200 } }
pools:
  - name: chat
    kind: openai
    models: [small]
    discover: { kubernetes: { namespace: default, service: engines, server: "${api.url}" } }`);
    const faults: Error[] = [];
    const onFault = (fault: Error) => void faults.push(fault);
    const noSrv = () => Promise.reject(new Error("not asked"));
    const sources = {
      found: new FoundServers(noSrv, () => {}),
      names: new ServerNames(
        async () => [],
        () => {},
      ),
    };
    const config = await withServers(sources, written);
    const app = await compose(config, { routing: null, recordTokens: 0, onFault, onNotice: () => {} });
    let reloads = 0;
    const reload = async (next: typeof config) => {
      reloads++;
      await app.reload(next);
    };
    const watch = new ServerWatch(
      { ...sources, reload, onFault, onNotice: () => {}, togetherMs: 20 },
      written,
      config,
    );
    const { url } = await app.start();
    watch.start();

    const lost: string[] = [];
    const served = new Map<string, number>();
    const over = new AbortController();
    /** Who answered, as the gateway says and as the answer does; null where it is not whole. */
    const ask = async () => {
      const body = JSON.stringify({ model: "small", stream: true, prompt: "a prompt ".repeat(40) });
      const response = await fetch(`${url}/v1/completions`, { method: "POST", body });
      const shard = response.headers.get("x-plimsoll-shard") ?? "";
      const text = await response.text().catch((error: unknown) => `broken off: ${String(error)}`);
      const pod = /"pod":"([^"]+)"/.exec(text)?.[1] ?? "";
      const whole = response.status === 200 && text === streamOf(pod);
      if (!whole) lost.push(`${response.status} ${shard} ${text}`);
      served.set(pod, (served.get(pod) ?? 0) + 1);
      return [shard, `chat/${pod}`];
    };
    const client = async () => {
      while (!over.signal.aborted) await ask();
    };
    const clients = Array.from({ length: CLIENTS }, client);
    for (let i = 0; i < CHANGES; i++) {
      await pods.change();
      await sleep(BETWEEN_MS);
    }
    const names = () => app.gateway().pools[0].engine.shards.map(({ id }) => id);
    const expected = () => pods.ready.map(({ name }) => `chat/${name}`).toSorted();
    await expect.poll(names, patiently).toEqual(expected());
    over.abort();
    await Promise.all(clients);
    // Until it is known, an address may be another pod's already; then each is called by its own name.
    for (const [said, is] of await Promise.all(clients.map(ask))) expect(said).toBe(is);
    const requests = [...served.values()].reduce((sum, count) => sum + count, 0);
    if (process.env["RUNS_TIMES"] !== undefined)
      console.log({
        requests,
        reloads,
        lost: lost.length,
        connections: stays.connections,
        questions: stays.questions,
        to: stays.requests,
      });
    expect(lost).toEqual([]);
    expect(faults).toEqual([]);
    expect(served.size).toBeGreaterThan(2);
    // Nothing of those that are gone is left, and the one that stayed was not connected to, or asked, anew.
    const { states } = app.gateway().pools[0];
    expect([...states.requests]).toEqual(names().map(() => 0));
    expect(stays.questions).toBeLessThan(10 + reloads);
    expect(stays.connections).toBeLessThan(CLIENTS + 4 + reloads / 4);
    await watch.stop();
    await app.stop();
    await pods.endAll();
  },
  RUNS_TIMEOUT_MS,
);

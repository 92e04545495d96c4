import { KubernetesApi } from "./kubernetes-api.ts";
import { type FakeServer, startFake } from "./start-openai-server.ts";
import { TcpProxy } from "../cluster/tcp-proxy.ts";

interface WrittenServers {
  urls?: string[];
  bootstrapPorts?: number[];
}

interface WrittenPool extends WrittenServers {
  readonly name: string;
  readonly kind: "openai" | "vllm" | "sglang" | "trtllm";
  readonly models: readonly string[];
  readonly prefill?: WrittenServers;
  readonly decode?: WrittenServers;
  discover?: {
    readonly kubernetes: { server?: string; readonly namespace: string; readonly service: string };
  };
}

/** A configuration of pools with servers, as it is written. */
export interface WrittenConfig {
  readonly models?: Readonly<Record<string, unknown>>;
  readonly pools: readonly WrittenPool[];
}

interface Fakes {
  readonly vllm: FakeServer;
  readonly sglang: FakeServer;
  readonly trtllm: FakeServer;
}

/** Fakes of engines for any configuration's servers: one of each kind, behind as many addresses as it names. */
export class ExampleEngines implements AsyncDisposable {
  readonly #fakes: Fakes;
  /** Pairs of SGLang meet: each half is a server of its own. */
  readonly #prefill: FakeServer;
  readonly #ways: (TcpProxy | KubernetesApi)[] = [];

  private constructor(fakes: Fakes, prefill: FakeServer) {
    this.#fakes = fakes;
    this.#prefill = prefill;
  }

  static async start(): Promise<ExampleEngines> {
    const [vllm, sglang, trtllm, prefill] = await Promise.all([
      startFake("vllm"),
      startFake("sglang"),
      startFake("trtllm"),
      startFake("sglang"),
    ]);
    return new ExampleEngines({ vllm, sglang, trtllm }, prefill);
  }

  /** Puts fakes in the place of the servers that it names, or finds. */
  async serve(config: WrittenConfig): Promise<void> {
    for (const pool of config.pools) {
      const fake = this.#fakes[pool.kind === "openai" ? "vllm" : pool.kind];
      await this.#replace(pool, fake);
      if (pool.decode !== undefined) await this.#replace(pool.decode, fake);
      if (pool.prefill !== undefined)
        await this.#replace(pool.prefill, pool.kind === "sglang" ? this.#prefill : fake);
      if (pool.discover !== undefined) await this.#find(pool.discover.kubernetes, fake);
    }
  }

  async #replace(servers: WrittenServers, fake: FakeServer): Promise<void> {
    if (servers.urls === undefined) return;
    const port = portOf(fake);
    const ways = servers.urls.map(() => new TcpProxy(port));
    this.#ways.push(...ways);
    await Promise.all(ways.map((way) => way.open()));
    servers.urls = ways.map((way) => `http://127.0.0.1:${way.port}`);
    if (servers.bootstrapPorts !== undefined) servers.bootstrapPorts = ways.map(() => port);
  }

  async #find(
    kubernetes: { server?: string; readonly namespace: string; readonly service: string },
    fake: FakeServer,
  ): Promise<void> {
    const api = await KubernetesApi.start(kubernetes.namespace);
    this.#ways.push(api);
    api.put(kubernetes.service, {
      labels: { "kubernetes.io/service-name": kubernetes.service },
      ports: [{ name: "http", port: portOf(fake) }],
      endpoints: [{ addresses: ["127.0.0.1"], targetRef: { kind: "Pod", name: "pod-0", uid: "1" } }],
    });
    kubernetes.server = api.url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const way of this.#ways) await (way instanceof TcpProxy ? way.cut() : way[Symbol.asyncDispose]());
    await Promise.all([...Object.values(this.#fakes), this.#prefill].map((fake) => fake.kill()));
  }
}

function portOf({ url }: FakeServer): number {
  return Number(new URL(url).port);
}

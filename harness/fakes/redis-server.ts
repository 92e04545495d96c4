import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

const HOST = "127.0.0.1";
const SLOTS = 16_384;
const STARTS_WITHIN_MS = 20_000;
/** Whichever of the two is installed. */
const PROGRAM = ["redis-server", "valkey-server"].find(
  (name) => spawnSync(name, ["--version"]).error === undefined,
);

/** A real server of a test's own: loopback only, a folder of its own, nothing kept. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** To ask it by hand. */
  readonly client: Redis;
  /** As if the machine hung, and went on. */
  pause(): void;
  resume(): void;
  /** As if it crashed. */
  kill(): Promise<void>;
  readonly running: boolean;
  /** Again, at the same place; empty. */
  restart(): Promise<void>;
}

/** @param options as in redis.conf, by name */
export async function startRedis(options: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-redis-"));
  const port = Number(options["port"] ?? (await freePorts(1))[0]);
  const settings = {
    "repl-diskless-sync-delay": "0",
    port: String(port),
    bind: HOST,
    dir: folder,
    save: '""',
    logfile: "log",
    ...options,
  };
  const client = new Redis(port, HOST, {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    ...(options["requirepass"] === undefined ? {} : { password: options["requirepass"] }),
  });
  client.on("error", () => {});
  let child = await start(folder, settings);
  await client.ping();
  return {
    port,
    url: `redis://${HOST}:${port}`,
    client,
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    kill: () => end(child),
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    async restart() {
      await end(child);
      child = await start(folder, settings);
      await client.ping();
    },
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await end(child);
      await rm(folder, { recursive: true });
    },
  };
}

export interface RedisServers extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  /** Of all of them. */
  readonly url: string;
}

/** Three nodes that share the slots, without replicas. */
export async function startRedisCluster(): Promise<RedisServers> {
  const ports = await freePorts(6);
  const servers = await Promise.all(
    [0, 1, 2].map((i) =>
      startRedis({
        "cluster-enabled": "yes",
        port: String(ports[i]),
        "cluster-port": String(ports[i + 3]),
      }),
    ),
  );
  const [first] = servers;
  for (const [i, { client, port }] of servers.entries()) {
    const from = Math.floor((SLOTS * i) / 3);
    const to = Math.floor((SLOTS * (i + 1)) / 3) - 1;
    await client.call("CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
    if (i > 0) await first.client.call("CLUSTER", "MEET", HOST, String(port), String(ports[i + 3]));
  }
  const states = async () => {
    const infos = await Promise.all(servers.map(({ client }) => client.cluster("INFO")));
    return infos.every((info) => info.includes("cluster_state:ok") && info.includes("known_nodes:3"));
  };
  await until(states);
  return group(servers, `redis+cluster://${servers.map(({ port }) => `${HOST}:${port}`).join(",")}`);
}

/** A master, its replica, and a Sentinel that puts the one in the other's place within about a second. */
export async function startSentinel(): Promise<RedisServers> {
  const master = await startRedis();
  const replica = await startRedis({ replicaof: `${HOST} ${master.port}` });
  await until(async () => (await replica.client.info("replication")).includes("master_link_status:up"));
  const sentinel = await startRedis({
    // One setting for each line; Sentinel's all begin with its name.
    sentinel: [
      `monitor main ${HOST} ${master.port} 1`,
      "down-after-milliseconds main 300",
      "failover-timeout main 1000",
    ].join("\nsentinel "),
  });
  const replicas = () => sentinel.client.call("SENTINEL", "REPLICAS", "main") as Promise<unknown[]>;
  await until(async () => (await replicas()).length === 1);
  return group([master, replica, sentinel], `redis+sentinel://${HOST}:${sentinel.port}/main`);
}

function group(servers: readonly RedisServer[], url: string): RedisServers {
  return {
    servers,
    url,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

async function start(folder: string, settings: Readonly<Record<string, string>>): Promise<ChildProcess> {
  if (PROGRAM === undefined) throw new Error("neither redis-server nor valkey-server is on the PATH");
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  const file = join(folder, "redis.conf");
  await writeFile(file, lines.join(""));
  const sentinel = "sentinel" in settings ? ["--sentinel"] : [];
  const child = spawn(PROGRAM, [file, ...sentinel], { stdio: "ignore" });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** All different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, HOST));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const late = AbortSignal.timeout(STARTS_WITHIN_MS);
  while (!(await holds())) {
    late.throwIfAborted();
    await sleep(20);
  }
}

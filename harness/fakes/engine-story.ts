import { type ChildProcessByStdio, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const FAKES = folder("python");
const PYTHONPATH = `${folder("../../deploy/engines")}:${FAKES}`;

/** What is compiled once for all runs stays out of the checkout. */
const PYTHONPYCACHEPREFIX = join(tmpdir(), "plimsoll-pycache");

/** What `python/engine_story.py` does in turn. */
export interface Order {
  /** `[layers][experts]`: tokens of each rank in a step. */
  readonly load: number[][];
  readonly rebalance?: boolean;
  readonly steps?: number;
  /** Seconds before each of them. */
  readonly pause?: number;
  /** More steps until the plug-in has finished so many rounds. */
  readonly rounds?: number;
  readonly environment?: Record<string, string>;
}

interface Pool {
  readonly ranks?: number;
  readonly slots?: number;
  /** Whether all ranks route the same tokens. */
  readonly same?: boolean;
  /** vLLM's EPLB in its thread. */
  readonly asynchronous?: boolean;
  /** Steps before a rebalance in which vLLM counts by itself. */
  readonly window?: number;
}

export interface Story {
  readonly pool?: Pool;
  /** The last one's tables are seen. */
  readonly models?: string[];
  /** SGLang's algorithm. */
  readonly dispatch?: string;
  /** A rank whose rounds fail. */
  readonly broken?: number;
  readonly orders: Order[];
}

/** What a rank has after an order. */
export interface RankSeen {
  /** `[layers][slots]` */
  readonly map: number[][];
  /** `[layers][experts][entries]` */
  readonly table: number[][][];
  /** `[layers][slots]`: tokens of the order's load in one step. */
  readonly counts: number[][];
}

export interface Told {
  /** `[orders][ranks]` */
  readonly seen: RankSeen[][];
  readonly said: string;
}

/** Runs the plug-in of an engine on the fake of it, on ranks that are threads of one process. */
export async function engineStory(
  engine: "vllm" | "sglang",
  story: Story,
  environment: Record<string, string>,
): Promise<Told> {
  const { out, said } = await python(["engine_story.py", engine], { pool: {}, ...story }, environment);
  return { seen: JSON.parse(out) as RankSeen[][], said };
}

interface Over {
  readonly id: number;
  readonly code: number;
  readonly out: string;
  readonly said: string;
}

/** The process that scripts are forked from, as long as this one runs. */
class Forks {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (over: Over | Error) => void>();
  #asked = 0;

  constructor() {
    this.#child = spawn("python3", [`${FAKES}/forks.py`], {
      env: { ...process.env, PYTHONPATH, PYTHONPYCACHEPREFIX },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = (why: Error) => {
      for (const tell of this.#waiting.values()) tell(why);
      this.#waiting.clear();
    };
    this.#child.on("error", ended);
    this.#child.on("close", (code) => ended(new Error(`forks.py exited with ${code}`)));
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const over = JSON.parse(line) as Over;
      this.#waiting.get(over.id)?.(over);
      this.#waiting.delete(over.id);
    });
  }

  run(asked: {
    readonly script: string;
    readonly options: readonly string[];
    readonly input: unknown;
    readonly environment: Record<string, string>;
  }): Promise<Over> {
    const id = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (over) => (over instanceof Error ? reject(over) : resolve(over)));
      this.#child.stdin.write(`${JSON.stringify({ id, ...asked })}\n`);
    });
  }

  /** Ends by itself after the last script. */
  end(): void {
    this.#child.stdin.end();
  }
}

let forks: Forks | null = null;

/** Runs a script of `python/` with JSON on its standard input. */
export async function python(
  [script, ...options]: [string, ...string[]],
  input: unknown,
  environment: Record<string, string> = {},
): Promise<{ out: string; said: string }> {
  forks ??= new Forks();
  const { code, out, said } = await forks.run({ script, options, input, environment });
  if (code !== 0) throw new Error(`${script} failed: ${said}`);
  return { out, said };
}

/** Once no more scripts are to run. */
export function endPython(): void {
  forks?.end();
  forks = null;
}

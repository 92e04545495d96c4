import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

/** Runs a script of `python/` with JSON on its standard input. */
export function python(
  [script, ...options]: string[],
  input: unknown,
  environment: Record<string, string> = {},
): Promise<{ out: string; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("python3", [`${FAKES}/${script}`, ...options], {
      env: { ...process.env, PYTHONPATH, PYTHONPYCACHEPREFIX, ...environment },
    });
    let out = "";
    let said = "";
    child.stdout.on("data", (part: Buffer) => (out += part.toString()));
    child.stderr.on("data", (part: Buffer) => (said += part.toString()));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve({ out, said }) : reject(new Error(`${script} exited with ${code}: ${said}`)),
    );
    child.stdin.end(JSON.stringify(input));
  });
}

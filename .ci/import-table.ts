/** Who may import whom under src/. The lint rule reads it; ARCHITECTURE.md shows it (a test compares the two). */
export interface Row {
  /** A folder or file under src/; a last `*` stands for each folder in that place, by itself. */
  readonly unit: string;
  /** Units, or single files that hold an interface; `src` is everything. The unit itself is always allowed. */
  readonly imports: readonly string[];
  /** npm packages. */
  readonly packages: readonly string[];
  /** No `node:` module, clock, `Math.random` or I/O: time and a seeded generator are arguments. */
  readonly pure: boolean;
}

/** The folders of core/, in the order of the flow: each may import those before it. */
export const coreFlow = [
  "gate",
  "load",
  "cost",
  "shares",
  "tables",
  "migration",
  "placement",
  "planning",
  "dispatch",
  "batching",
];

const pure = true;

export const importTable: readonly Row[] = [
  { unit: "lib", imports: [], packages: [], pure },
  { unit: "model", imports: ["lib"], packages: [], pure },
  ...coreFlow.map((step, index) => ({
    unit: `core/${step}`,
    imports: ["model", "lib", ...coreFlow.slice(0, index).map((earlier) => `core/${earlier}`)],
    packages: [],
    pure,
  })),
  { unit: "routing", imports: ["model", "lib"], packages: [], pure },
  { unit: "formats", imports: ["model", "lib"], packages: ["yaml"], pure },
  {
    unit: "twin",
    imports: ["core", "routing", "serving/admission", "serving/affinity", "model", "lib"],
    packages: [],
    pure,
  },
  {
    unit: "planner",
    imports: ["twin", "core", "routing", "model", "lib"],
    packages: [],
    pure,
  },
  { unit: "report", imports: ["twin", "model", "lib"], packages: [], pure },
  { unit: "library", imports: ["core", "model", "lib"], packages: [], pure },
  { unit: "files", imports: ["lib"], packages: [], pure: false },
  { unit: "config", imports: ["files", "model", "lib"], packages: ["yaml", "zod"], pure: false },
  {
    unit: "plans",
    imports: [
      "planner",
      "twin",
      "core",
      "control/solve/answering-thread.ts",
      "control/solve/solver.ts",
      "config",
      "formats",
      "files",
      "model",
      "lib",
    ],
    packages: [],
    pure: false,
  },
  { unit: "discovery", imports: ["config", "files", "model", "lib"], packages: ["undici"], pure: false },
  {
    unit: "control",
    imports: ["core", "routing", "formats", "files", "model", "lib"],
    packages: [],
    pure: false,
  },
  {
    unit: "serving",
    imports: ["core", "routing", "model", "lib"],
    packages: [],
    pure: false,
  },
  {
    unit: "capture",
    imports: ["serving/capture", "serving/traffic/traffic-observer.ts", "config", "files", "model", "lib"],
    packages: [],
    pure: false,
  },
  {
    unit: "engines/*",
    imports: [
      "engines/http",
      "serving/engine.ts",
      "serving/pairing.ts",
      "control/expert-plane.ts",
      "formats",
      "files",
      "model",
      "lib",
    ],
    packages: [],
    pure: false,
  },
  {
    unit: "engines/http",
    imports: [
      "serving/engine.ts",
      "serving/engine-request.ts",
      "serving/pairing.ts",
      "formats",
      "model",
      "lib",
    ],
    packages: ["undici"],
    pure: false,
  },
  {
    unit: "engines/simulated",
    imports: ["serving/engine.ts", "control/expert-plane.ts", "twin", "files", "model", "lib"],
    packages: [],
    pure: false,
  },
  { unit: "store/*", imports: ["control/store.ts", "model", "lib"], packages: [], pure: false },
  {
    unit: "store/redis",
    imports: ["control/store.ts", "files", "model", "lib"],
    packages: ["ioredis"],
    pure: false,
  },
  {
    unit: "telemetry",
    imports: [
      "serving/traffic",
      "serving/tracing",
      "serving/engine.ts",
      "serving/request",
      "routing/routing-scores.ts",
      "config",
      "model",
      "lib",
    ],
    packages: ["@opentelemetry", "undici"],
    pure: false,
  },
  { unit: "access", imports: ["config", "model", "lib"], packages: ["jose", "undici"], pure: false },
  {
    unit: "http",
    imports: ["access", "control", "serving", "config", "formats", "files", "report/html", "model", "lib"],
    packages: ["@fastify/static", "fastify"],
    pure: false,
  },
  {
    unit: "picker",
    imports: ["access", "http", "serving", "config", "model", "lib"],
    packages: ["@grpc/grpc-js", "protobufjs"],
    pure: false,
  },
  {
    unit: "replay",
    imports: ["formats", "files", "model", "lib"],
    packages: ["@huggingface/tokenizers", "eventsource-parser", "undici"],
    pure: false,
  },
  { unit: "dashboard", imports: [], packages: ["echarts", "preact", "vite"], pure: false },
  {
    unit: "open-engine.ts",
    imports: ["engines", "serving/engine.ts", "config"],
    packages: [],
    pure: false,
  },
  {
    unit: "open-store.ts",
    imports: ["store", "control/store.ts", "config", "lib"],
    packages: [],
    pure: false,
  },
  {
    unit: "pools",
    imports: [
      "open-engine.ts",
      "engines",
      "control",
      "serving",
      "routing",
      "telemetry/readings.ts",
      "twin/calibration",
      "core",
      "config",
      "model",
      "lib",
    ],
    packages: [],
    pure: false,
  },
  { unit: "compose.ts", imports: ["src"], packages: ["fastify"], pure: false },
  {
    unit: "workers",
    imports: ["compose.ts", "serving", "config", "model", "lib"],
    packages: [],
    pure: false,
  },
  { unit: "cli", imports: ["src"], packages: ["cli-table3", "commander", "log-update", "yaml"], pure: false },
  { unit: "main.ts", imports: ["cli", "files"], packages: [], pure: false },
  { unit: "plimsoll.ts", imports: ["main.ts"], packages: [], pure: false },
];

import { MOST_SKEW } from "../model/expert-skew.ts";
import { FITTED_ENGINES } from "../model/fitted-engine.ts";
import { SERVING_PRECISIONS } from "../model/serving-precision.ts";
import { PERCENTILES } from "../planner/service-target.ts";
import { SLO_PRESETS } from "../planner/slo-presets.ts";

/** One thing that a plan may be asked: an option of the command, a key of `--set`, a field of a body. */
export interface QuestionKey {
  /** `max-gpus`; in JSON and in flags `maxGpus`. */
  readonly name: string;
  /** What is given, in a word. */
  readonly value: string;
  readonly help: string;
  /** Where nothing is given. */
  readonly usual?: string | number;
  /** What is to be given; words for people. */
  readonly expected: string;
  /** Whether it names a file, which strangers may not. */
  readonly file?: true;
  /** @returns undefined where it cannot be used */
  read(value: unknown): string | number | undefined;
}

/** No count that a person gives is above. */
const MOST = 1_048_576;

type About = Pick<QuestionKey, "name" | "value" | "help"> & Partial<Pick<QuestionKey, "usual" | "file">>;

function text(about: About): QuestionKey {
  return {
    ...about,
    expected: "text",
    read: (value) => (typeof value === "string" && value !== "" ? value : undefined),
  };
}

function choice(about: About, choices: readonly string[]): QuestionKey {
  const read = (value: unknown) => choices.find((one) => one === String(value));
  return { ...about, expected: `one of ${choices.join(", ")}`, read };
}

function numeric(about: About, expected: string, fits: (value: number) => boolean): QuestionKey {
  const read = (value: unknown) => {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    return typeof number === "number" && Number.isFinite(number) && fits(number) ? number : undefined;
  };
  return { ...about, expected, read };
}

function count(about: About, least = 1): QuestionKey {
  const fits = (value: number) => Number.isInteger(value) && value >= least && value <= MOST;
  return numeric(about, `an integer in ${least}..${MOST}`, fits);
}

function positive(about: About): QuestionKey {
  return numeric(about, "a number above 0", (value) => value > 0);
}

export const QUESTION_KEYS: readonly QuestionKey[] = [
  text({ name: "model", value: "name", help: "a model of the catalogue, or a file" }),
  text({ name: "gpu", value: "types", help: "types of GPU, separated by commas: h200,b200" }),
  choice(
    { name: "precision", value: "format", help: "what the model is served in (default: its own)" },
    SERVING_PRECISIONS,
  ),
  choice(
    {
      name: "engine",
      value: "name",
      help: "whose constants and steps are planned with (default: of none in particular)",
    },
    FITTED_ENGINES,
  ),
  choice(
    { name: "slo", value: "preset", help: "lengths and targets of a kind of service" },
    Object.keys(SLO_PRESETS),
  ),
  positive({ name: "rate", value: "n", help: "requests per second, with lengths (--isl, --osl or --slo)" }),
  count({
    name: "isl",
    value: "tokens",
    help: "a prompt's, on average: drawn evenly from half to one and a half of it",
  }),
  count({ name: "osl", value: "tokens", help: "an answer's, likewise" }),
  text({
    name: "trace",
    value: "file",
    file: true,
    help: "whose busiest five minutes are planned for: Azure, BurstGPT, Mooncake and others (docs/traces.md)",
  }),
  count({ name: "users", value: "n", help: "who each ask, wait for the answer, think and ask again" }),
  numeric(
    {
      name: "think",
      value: "seconds",
      help: "between an answer and a user's next request, on average (default: 30)",
    },
    "a number, 0 or more",
    (value) => value >= 0,
  ),
  numeric(
    { name: "cached", value: "part", help: "of every prompt, found in the cache (default: 0)" },
    "a part of at least 0 and less than 1",
    (value) => value >= 0 && value < 1,
  ),
  positive({
    name: "traffic",
    value: "factor",
    help: "times the rate, the users or the requests of the trace (default: 1)",
  }),
  ...PERCENTILES.map((percentile) =>
    positive({
      name: `ttft-p${percentile}`,
      value: "ms",
      help: `${percentile} % of first tokens come within this`,
    }),
  ),
  ...PERCENTILES.map((percentile) =>
    positive({
      name: `itl-p${percentile}`,
      value: "ms",
      help: `${percentile} % of times between tokens are within this`,
    }),
  ),
  count({ name: "max-gpus", value: "n", usual: 512, help: "the budget" }),
  choice(
    { name: "spare", value: "n", usual: "1", help: "units that may fail while the rest keeps the target" },
    ["0", "1", "2"],
  ),
  count(
    {
      name: "redundant",
      value: "n",
      help: "redundant experts of a layer, at least (default: as many as are worth it)",
    },
    0,
  ),
  numeric(
    {
      name: "skew",
      value: "x",
      help: "how unevenly experts are asked: 0 all alike, 2 twice the usual (default: 1)",
    },
    `a number in 0..${MOST_SKEW}`,
    (value) => value >= 0 && value <= MOST_SKEW,
  ),
  text({
    name: "load",
    value: "file",
    file: true,
    help: "expert loads of your own, as place reads them: tokens take experts as often",
  }),
  text({ name: "routing", value: "file", file: true, help: "a routing trace of your own (.npy), likewise" }),
  text({
    name: "price",
    value: "type=dollars",
    help: "of a GPU for an hour; several separated by commas: h200=3.5,b200=5",
  }),
  positive({ name: "budget", value: "dollars", help: "an hour at most, with a price for every type" }),
  text({
    name: "api-price",
    value: "in=…,out=…",
    help: "dollars per million tokens of an API to compare with: in=0.27,out=1.1,cached=0.07",
  }),
  count({ name: "seed", value: "n", usual: 1, help: "of the requests and the experts they take" }),
];

/** Of each of these one is given at most: another one replaces it. */
export const ONE_OF: readonly (readonly string[])[] = [
  ["rate", "trace", "users"],
  PERCENTILES.map((percentile) => `ttft-p${percentile}`),
  PERCENTILES.map((percentile) => `itl-p${percentile}`),
  ["skew", "load", "routing"],
];

/** `max-gpus` is `maxGpus` in JSON and among flags. */
export function fieldOf({ name }: Pick<QuestionKey, "name">): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

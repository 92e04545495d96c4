/** One sample of a metric in Prometheus' text exposition format, version 0.0.4. */
export interface MetricSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  /** NaN and ±Infinity are values too. */
  readonly value: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[^])*)"[ \t]*(?:,[ \t]*|(?=\}))/y;
const VALUE = /[ \t]*([^ \t\r]+)(?:[ \t]+-?\d+)?[ \t]*\r?$/y;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** No engine writes longer lines: such a line is no sample. */
const LONGEST_LINE = 65_536;

/**
 * Reads the samples of some metrics. Lines that are no samples are passed over, whatever they are.
 * @param wanted names; a histogram's series are named with their suffixes
 */
export function metricSamples(text: string, wanted: ReadonlySet<string>): MetricSample[] {
  const samples: MetricSample[] = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    NAME.lastIndex = start;
    const name = NAME.exec(text)?.[0];
    if (name !== undefined && wanted.has(name) && end - start <= LONGEST_LINE) {
      const sample = readSample(name, text.slice(start + name.length, end));
      if (sample !== null) samples.push(sample);
    }
    start = end + 1;
  }
  return samples;
}

/** @param rest of the line, after the name */
function readSample(name: string, rest: string): MetricSample | null {
  const labels = new Map<string, string>();
  let at = 0;
  if (rest.startsWith("{")) {
    at = 1;
    LABEL.lastIndex = at;
    for (let label = LABEL.exec(rest); label !== null; label = LABEL.exec(rest)) {
      labels.set(label[1], unescaped(label[2]));
      at = LABEL.lastIndex;
    }
    if (rest[at] !== "}") return null;
    at++;
  } else if (!/^[ \t]/.test(rest)) return null;
  VALUE.lastIndex = at;
  const value = readValue(VALUE.exec(rest)?.[1]);
  return value === null ? null : { name, labels, value };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([^])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function readValue(text: string | undefined): number | null {
  switch (text) {
    case undefined:
      return null;
    case "NaN":
      return Number.NaN;
    case "+Inf":
    case "Inf":
      return Number.POSITIVE_INFINITY;
    case "-Inf":
      return Number.NEGATIVE_INFINITY;
    default:
      return NUMBER.test(text) ? Number(text) : null;
  }
}

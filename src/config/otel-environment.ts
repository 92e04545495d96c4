import { InputError } from "../lib/errors.ts";

/** Which requests are traced. */
export interface Sampling {
  /** Of those that nobody has decided on, 0 to 1. */
  readonly ratio: number;
  /** Whether a client's decision about its trace holds here. */
  readonly byParent: boolean;
}

type Signal = "TRACES" | "METRICS";

const TIMEOUT_MS = 10_000;
/** What a header's value may hold. */
const SENDABLE = /^[\x20-\x7e]*$/;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/**
 * OpenTelemetry's own variables, as its specification has them. What they name and this program does not have is said,
 * and left; values are not repeated, since they may be keys.
 */
export class OtelEnvironment {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #note: (line: string) => void;
  readonly #noted = new Set<string>();

  /** @param note receives a line for a person */
  constructor(environment: NodeJS.ProcessEnv, note: (line: string) => void) {
    this.#environment = environment;
    this.#note = note;
  }

  get disabled(): boolean {
    return this.text("OTEL_SDK_DISABLED")?.toLowerCase() === "true";
  }

  /** Null where it is not set, or empty. */
  text(variable: string): string | null {
    const value = this.#environment[variable]?.trim() ?? "";
    return value === "" ? null : value;
  }

  /** A number of milliseconds above 0. */
  count(variable: string): number | null {
    const value = this.text(variable);
    if (value === null) return null;
    if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
    return this.#ignored(variable, "expected a whole number of milliseconds above 0");
  }

  /** That of the signal, else that of all. */
  ofSignal(signal: Signal, name: string): { readonly variable: string; readonly value: string } | null {
    for (const variable of [`OTEL_EXPORTER_OTLP_${signal}_${name}`, `OTEL_EXPORTER_OTLP_${name}`]) {
      const value = this.text(variable);
      if (value !== null) return { variable, value };
    }
    return null;
  }

  /** @param path what is added to an endpoint of all signals @throws InputError */
  endpoint(signal: Signal, path: string): string | null {
    const named = this.ofSignal(signal, "ENDPOINT");
    if (named === null) return null;
    const { variable, value } = named;
    if (!/^https?:\/\/[^/\s]/.test(value) || !URL.canParse(value))
      throw new InputError(variable, "", "is no URL; expected e.g. http://127.0.0.1:4318");
    return variable.includes(signal) ? value : `${value.replace(/\/+$/, "")}/${path}`;
  }

  /** Whether it is to be sent at all. */
  exports(signal: Signal): boolean {
    const variable = `OTEL_${signal}_EXPORTER`;
    const named = (this.text(variable) ?? "otlp").split(",").map((one) => one.trim());
    if (named.some((one) => one !== "otlp" && one !== "none"))
      this.#ignored(variable, "names what Plimsoll does not have; expected otlp or none");
    return named.includes("otlp");
  }

  headers(signal: Signal): Record<string, string> {
    const read: Record<string, string> = {};
    for (const variable of ["OTEL_EXPORTER_OTLP_HEADERS", `OTEL_EXPORTER_OTLP_${signal}_HEADERS`])
      Object.assign(
        read,
        this.#pairs(variable, (name, value) => HEADER.test(name) && SENDABLE.test(value)),
      );
    return read;
  }

  resource(): Record<string, string> {
    return this.#pairs("OTEL_RESOURCE_ATTRIBUTES", () => true);
  }

  timeoutMs(signal: Signal): number {
    return (
      this.count(`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`) ??
      this.count("OTEL_EXPORTER_OTLP_TIMEOUT") ??
      TIMEOUT_MS
    );
  }

  gzip(signal: Signal): boolean {
    const named = this.ofSignal(signal, "COMPRESSION");
    if (named !== null && named.value !== "gzip" && named.value !== "none")
      this.#ignored(named.variable, "expected gzip or none");
    return named?.value === "gzip";
  }

  encoding(signal: Signal): "protobuf" | "json" {
    const named = this.ofSignal(signal, "PROTOCOL");
    if (named === null || named.value === "http/protobuf") return "protobuf";
    if (named.value === "http/json") return "json";
    this.#ignored(named.variable, "expected http/protobuf or http/json; http/protobuf is used");
    return "protobuf";
  }

  /** `off` where no request is to be traced; null where nothing is said of it. */
  sampling(): Sampling | "off" | null {
    const variable = "OTEL_TRACES_SAMPLER";
    const name = this.text(variable);
    if (name === null) return null;
    const byParent = name.startsWith("parentbased_");
    switch (name.replace("parentbased_", "")) {
      case "always_on":
        return { ratio: 1, byParent };
      case "always_off":
        return byParent ? { ratio: 0, byParent } : "off";
      case "traceidratio":
        return { ratio: this.#ratio(), byParent };
      default:
        return this.#ignored(
          variable,
          "expected always_on, always_off, traceidratio, or parentbased_ and one",
        );
    }
  }

  /** Whether clients' trace contexts are read and engines get ours. */
  get propagates(): boolean {
    const named = (this.text("OTEL_PROPAGATORS") ?? "tracecontext,baggage").split(",");
    const known = new Set(["tracecontext", "baggage", "none"]);
    if (named.some((one) => !known.has(one.trim())))
      this.#ignored("OTEL_PROPAGATORS", "expected tracecontext, baggage or none");
    return named.some((one) => one.trim() === "tracecontext");
  }

  /** Whether new conventions of that name are asked for. */
  optsInto(name: string): boolean {
    return (this.text("OTEL_SEMCONV_STABILITY_OPT_IN") ?? "").split(",").some((one) => one.trim() === name);
  }

  #ratio(): number {
    const variable = "OTEL_TRACES_SAMPLER_ARG";
    const text = this.text(variable);
    const ratio = Number(text ?? 1);
    if (ratio >= 0 && ratio <= 1) return ratio;
    this.#ignored(variable, "expected a number from 0 to 1; every request is traced");
    return 1;
  }

  /** `name=value,name=value`, percent-encoded. */
  #pairs(variable: string, fits: (name: string, value: string) => boolean): Record<string, string> {
    const read: Record<string, string> = {};
    for (const pair of (this.text(variable) ?? "").split(",")) {
      if (pair.trim() === "") continue;
      const [name, value] = decoded(pair);
      if (name !== "" && value !== null && fits(name, value)) read[name] = value;
      else this.#ignored(variable, "has a part that cannot be used; expected name=value,name=value");
    }
    return read;
  }

  #ignored(variable: string, hint: string): null {
    if (!this.#noted.has(variable)) this.#note(`${variable}: ${hint}`);
    this.#noted.add(variable);
    return null;
  }
}

function decoded(pair: string): [string, string | null] {
  const at = pair.indexOf("=");
  if (at < 0) return ["", null];
  try {
    return [decodeURIComponent(pair.slice(0, at).trim()), decodeURIComponent(pair.slice(at + 1).trim())];
  } catch {
    return ["", null];
  }
}

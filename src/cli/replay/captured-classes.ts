import type { RoutingTrace } from "../../model/routing-trace.ts";
import { isObject } from "../../formats/json.ts";
import { ExpertClasses, SignatureSample } from "../../replay/classes/expert-classes.ts";
import { openCapturedFile } from "./captured-file.ts";

const SEED = 1;
/** The first one in a line: a body, which may have its own, comes last. */
const ROUTED = /,"routed_experts":(\{[^{}]*\})/;
const CLASS = /,"class":"/;

/** Names of classes that requests of captured traces are in by the experts that they used. */
export class CapturedClasses {
  readonly #classes: ExpertClasses;
  /** Requests in a class. */
  requests = 0;

  private constructor(classes: ExpertClasses) {
    this.#classes = classes;
  }

  /** Reads the files once. @throws InputError naming one that cannot be read */
  static async learn(paths: readonly string[], count: number): Promise<CapturedClasses> {
    const sample = new SignatureSample();
    for (const path of paths) {
      const file = await openCapturedFile(path);
      try {
        for (let next = await file.lines.next(); next.done !== true; next = await file.lines.next()) {
          const routing = routedIn(next.value.rest);
          if (routing !== null) sample.add(routing);
        }
      } finally {
        await file.close();
      }
    }
    return new CapturedClasses(new ExpertClasses(sample.signatures, count, SEED));
  }

  get count(): number {
    return this.#classes.count;
  }

  /** A line with its class put before the rest; as it is where it has one, or says nothing of experts. */
  named(rest: string): string {
    if (CLASS.test(rest)) return rest;
    const routing = routedIn(rest);
    const place = routing === null ? null : this.#classes.of(routing);
    if (place === null) return rest;
    this.requests++;
    return `"class":"experts-${place}",${rest}`;
  }
}

/** Null where a line has none that can be read. */
function routedIn(rest: string): RoutingTrace | null {
  const [, text] = ROUTED.exec(rest) ?? [];
  if (text === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const { tokens, layers, topk, data } = value;
  if (
    typeof data !== "string" ||
    ![tokens, layers, topk].every((size) => Number.isInteger(size) && Number(size) > 0)
  )
    return null;
  const bytes = Buffer.from(data, "base64");
  const experts = new Int16Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1)),
  );
  const size = { tokens: Number(tokens), layers: Number(layers), topk: Number(topk) };
  return experts.length === size.tokens * size.layers * size.topk ? { ...size, experts } : null;
}

import { readFile } from "node:fs/promises";

type Fields = Readonly<Record<string, unknown>>;

/** A tool's own report, whose numbers are asked for by their names. */
export class JsonReport {
  readonly #what: string;
  readonly #fields: Fields;

  constructor(what: string, fields: unknown) {
    this.#what = what;
    this.#fields = fields as Fields;
  }

  /** @throws Error where there is no such number */
  number(...path: readonly string[]): number {
    const value = this.#at(path);
    if (typeof value !== "number") throw this.#lacks(path, "number");
    return value;
  }

  /** @throws Error where there is no such text */
  text(...path: readonly string[]): string {
    const value = this.#at(path);
    if (typeof value !== "string") throw this.#lacks(path, "text");
    return value;
  }

  /** @throws Error where there is no such list */
  numbers(...path: readonly string[]): readonly number[] {
    const value = this.#at(path);
    if (!isListOf(value, "number")) throw this.#lacks(path, "list of numbers");
    return value as readonly number[];
  }

  /** @throws Error where there is no such list */
  texts(...path: readonly string[]): readonly string[] {
    const value = this.#at(path);
    if (!isListOf(value, "string")) throw this.#lacks(path, "list of texts");
    return value as readonly string[];
  }

  has(...path: readonly string[]): boolean {
    const value = this.#at(path);
    return value !== undefined && value !== null;
  }

  #at(path: readonly string[]): unknown {
    return path.reduce<unknown>((value, name) => (value as Fields | null | undefined)?.[name], this.#fields);
  }

  #lacks(path: readonly string[], kind: string): Error {
    return new Error(`${this.#what} has no ${kind} ${path.join(".")}`);
  }
}

function isListOf(value: unknown, kind: "number" | "string"): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === kind);
}

export async function readReport(path: string): Promise<JsonReport> {
  return new JsonReport(path, JSON.parse(await readFile(path, "utf8")));
}

/** A report a line. */
export async function readReports(path: string): Promise<JsonReport[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line, i) => new JsonReport(`${path} line ${i + 1}`, JSON.parse(line)));
}

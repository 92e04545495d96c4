import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { InputError } from "../../lib/errors.ts";
import { Unreadable } from "../../lib/shape.ts";
import { readRequestFigures, type RequestFigures } from "../../replay/report/request-figures.ts";

/**
 * The requests of a run, as its `requests.jsonl` has them, one after the other.
 * @throws InputError where it cannot be read, or a line is none of a run's
 */
export async function* runRequests(path: string): AsyncGenerator<RequestFigures, void> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  try {
    for await (const line of lines) {
      number++;
      if (line !== "") yield readRequestFigures(JSON.parse(line) as unknown);
    }
  } catch (error) {
    if (error instanceof Unreadable)
      throw new InputError(path, `line ${number}`, `is no request of a replay: ${error.message}`);
    if (error instanceof SyntaxError)
      throw new InputError(path, `line ${number}`, "is no JSON; give a run that replay has written");
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new InputError(path, "", `cannot be read (${code}); give the folder of a run`);
  }
}

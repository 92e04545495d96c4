import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readRegularFile } from "../../files/read-regular-file.ts";
import { readServegenClient, type ServegenClient } from "../../formats/servegen/client.ts";
import { InputError } from "../../lib/errors.ts";

const TRACE = /^chunk-(\d{1,9})-trace\.csv$/;
const RULES = { mostBytes: 1 << 28, smaller: "give fewer windows", followLinks: true };

/**
 * The clients of a folder of ServeGen's data, such as data/language/m-large.
 * @throws InputError where it has none
 */
export async function readServegenFolder(path: string): Promise<readonly ServegenClient[]> {
  const ids = (await readdir(path))
    .flatMap((name) => TRACE.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
  if (ids.length === 0) {
    const hint = "is a folder; expected a regular file, or a folder of ServeGen's with chunk-N-trace.csv";
    throw new InputError(path, "", hint);
  }
  const clients: ServegenClient[] = [];
  for (const id of ids) {
    const [trace, dataset] = await Promise.all(
      ["trace.csv", "dataset.json"].map((name) => named(join(path, `chunk-${id}-${name}`))),
    );
    clients.push(readServegenClient(id, trace, dataset));
  }
  return clients;
}

async function named(source: string) {
  return { source, bytes: await readRegularFile(source, RULES) };
}

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of one test file's own, removed with it. */
export interface ScratchFolder extends AsyncDisposable {
  path(name: string): string;
  write(name: string, content: string | Uint8Array): Promise<string>;
  /** Names of the files in it. */
  names(): Promise<string[]>;
}

export async function scratchFolder(): Promise<ScratchFolder> {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-test-"));
  const path = (name: string) => join(folder, name);
  return {
    path,
    write: async (name, content) => {
      await writeFile(path(name), content);
      return path(name);
    },
    names: async () => (await readdir(folder)).toSorted(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

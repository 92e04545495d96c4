import { readdir } from "node:fs/promises";
import { InputError } from "../lib/errors.ts";

/** Names of what lies in a folder, sorted; null where the path is that of a file. */
export async function folderNames(path: string): Promise<string[] | null> {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") return null;
    throw new InputError(path, "", `cannot be read (${code}); name a readable file or folder`);
  }
}

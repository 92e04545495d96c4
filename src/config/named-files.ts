import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Place, faultAt } from "./place.ts";

/** The files that settings name: certificates, keys. Who changes one of them wants it read again. */
export class NamedFiles {
  readonly #folderOf: (field: readonly PropertyKey[]) => string;
  readonly #names = new Set<string>();

  /** @param folderOf from where a path that is written there leads */
  constructor(folderOf: (field: readonly PropertyKey[]) => string) {
    this.#folderOf = folderOf;
  }

  /** Those that were read, by absolute path. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** Where a path that is written there leads; it counts as read. */
  find(path: string, { field }: Place): string {
    const file = resolve(this.#folderOf(field), path);
    this.#names.add(file);
    return file;
  }

  /** The text of a file. @throws InputError naming it */
  text(path: string, place: Place): string {
    const file = this.find(path, place);
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw faultAt(place, `names ${file}, which cannot be read (${code}); name a readable file`);
    }
  }
}

import { InputError } from "../lib/errors.ts";
import { type OpenFile, openRegularFile, unreadable } from "./open-regular-file.ts";

export interface FileRules {
  readonly mostBytes: number;
  /** What to do about a larger file, as a message puts it. */
  readonly smaller: string;
  /** False where others write to the folder: a link there may lead anywhere. */
  readonly followLinks: boolean;
}

/**
 * Reads a file whole, in as many bytes as it has when it is opened.
 * @throws InputError naming the file, also where it is no regular file
 */
export async function readRegularFile(path: string, rules: FileRules): Promise<Uint8Array> {
  const opened = await openRegularFile(path, rules.followLinks);
  try {
    return await readWhole(opened, path, rules);
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await opened.file.close();
  }
}

async function readWhole({ file, size }: OpenFile, path: string, rules: FileRules): Promise<Uint8Array> {
  if (size > rules.mostBytes)
    throw new InputError(path, "", `has ${size} bytes, more than ${rules.mostBytes}; ${rules.smaller}`);
  const bytes = new Uint8Array(size);
  let held = 0;
  while (held < size) {
    const { bytesRead } = await file.read(bytes, held, size - held);
    if (bytesRead === 0) break;
    held += bytesRead;
  }
  return bytes.subarray(0, held);
}

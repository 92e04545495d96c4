import { randomBytes } from "node:crypto";
import { constants, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** Behind the name of a file: one that is to take its place. */
const BESIDE = /^\.[0-9a-f]{16}\.next$/;

/** The file is there, and is none that may be read: a link, a folder, a device. */
export class NoFile extends Error {
  override readonly name = "NoFile";
}

/** A regular file's content, never another's behind a link; null where there is none. @throws NoFile, or what the system says */
export async function readWhole(path: string): Promise<Buffer | null> {
  try {
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw new NoFile("it is no regular file");
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    if (code === "ELOOP") throw new NoFile("it is a link");
    throw error;
  }
}

/** Puts a content in a file's place. A crash, or a full disk, leaves the file as it was before or after, never between. */
export async function replaceWhole(path: string, content: Uint8Array): Promise<void> {
  const beside = `${path}.${randomBytes(8).toString("hex")}.next`;
  try {
    const file = await open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await unlink(beside).catch(() => {});
    throw error;
  }
  const folder = await open(dirname(path), O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes what a process that was ended while it wrote has left. */
export async function removeLeftovers(path: string): Promise<void> {
  const name = basename(path);
  for (const other of await readdir(dirname(path)))
    if (other.startsWith(name) && BESIDE.test(other.slice(name.length)))
      await unlink(join(dirname(path), other));
}

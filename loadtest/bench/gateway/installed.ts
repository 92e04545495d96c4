import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { NotInstalled } from "./router.ts";

const run = promisify(execFile);

/** An executable's path: from the folder given, else as PATH finds it. @throws NotInstalled */
export async function installed(name: string, folder: string | null): Promise<string> {
  const folders = [
    ...(folder === null ? [] : [folder]),
    ...(process.env.PATH ?? "").split(delimiter),
    "/usr/sbin",
  ];
  for (const place of folders) {
    const path = join(place, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not there: the next one.
    }
  }
  throw new NotInstalled(`${name} is neither ${folder === null ? "" : `in ${folder} nor `}on PATH`);
}

/** The first version number in what a command says. */
export async function versionSaid(file: string, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(file, args);
  return /\d+\.\d+[\w.]*/.exec(stdout + stderr)?.[0] ?? "of unknown version";
}

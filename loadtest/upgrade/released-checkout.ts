import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { InputError } from "../../src/lib/errors.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MOST_BYTES = 2 ** 26;
const execute = promisify(execFile);

/**
 * Another version of this repository in a folder, with the npm packages of its own lock file.
 * @param ref a commit, tag or branch
 * @param folder an empty one
 * @returns its commit
 * @throws InputError
 */
export async function checkoutOf(ref: string, folder: string): Promise<string> {
  const commit = await commitOf(ref);
  const archive = join(folder, "checkout.tar");
  await execute("git", ["-C", ROOT, "archive", "--output", archive, commit]);
  const checkout = join(folder, "checkout");
  await mkdir(checkout);
  await execute("tar", ["-xf", archive, "-C", checkout]);
  await installPackages(checkout);
  return commit;
}

async function commitOf(ref: string): Promise<string> {
  try {
    const { stdout } = await execute("git", ["-C", ROOT, "rev-parse", "--verify", `${ref}^{commit}`]);
    return stdout.trim();
  } catch {
    throw new InputError(
      "--from",
      "",
      `names ${ref}, which is no commit here; expected one, or a tag or branch`,
    );
  }
}

/** Where both have the same lock file, this checkout's packages serve. */
async function installPackages(checkout: string): Promise<void> {
  const lock = (folder: string) => readFile(join(folder, "package-lock.json"), "utf8");
  if ((await lock(ROOT)) === (await lock(checkout)))
    return symlink(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  await execute("npm", ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: checkout,
    maxBuffer: MOST_BYTES,
  });
}

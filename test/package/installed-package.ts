import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { type CliResult, cliResult } from "../run-cli.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
/** What the package runs on, where it is not what the tests run on. */
const NODE = process.env["PACKAGE_NODE"] ?? process.execPath;
const execute = promisify(execFile);

/** The package as a stranger has it: packed, installed in an empty folder, found by npx. */
export class InstalledPackage implements AsyncDisposable {
  readonly folder: ScratchFolder;
  /** Of every file of the package, its path there. */
  readonly files: readonly string[];
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  private constructor(folder: ScratchFolder, files: readonly string[]) {
    this.folder = folder;
    this.files = files;
  }

  /** Packs this checkout, which builds it, and installs it with an empty cache and without scripts. */
  static async install(): Promise<InstalledPackage> {
    const folder = await scratchFolder();
    const npm = (cwd: string, ...args: readonly string[]) =>
      execute("npm", [...args, "--cache", folder.path("npm-cache"), "--no-audit", "--no-fund"], {
        cwd,
        maxBuffer: 2 ** 26,
      });
    const { stdout } = await npm(CHECKOUT, "pack", "--json", "--pack-destination", folder.path("."));
    const [{ filename, files }] = JSON.parse(stdout) as [
      { readonly filename: string; readonly files: readonly { readonly path: string }[] },
    ];
    await folder.write("package.json", JSON.stringify({ name: "stranger", type: "module", private: true }));
    await npm(
      folder.path("."),
      "install",
      "--omit=dev",
      "--ignore-scripts",
      "--engine-strict",
      `./${filename}`,
    );
    return new InstalledPackage(
      folder,
      files.map(({ path }) => path),
    );
  }

  /** Where a file of the package lies. */
  path(name: string): string {
    return this.folder.path(join("node_modules/plimsoll", name));
  }

  /** Starts a command as `npx plimsoll` does, without its npm in between: signals reach the command itself. */
  start(...args: readonly string[]): ChildProcessWithoutNullStreams {
    return this.#spawn(this.folder.path("node_modules/.bin/plimsoll"), args);
  }

  run(...args: readonly string[]): Promise<CliResult> {
    return cliResult(this.start(...args));
  }

  npx(...args: readonly string[]): Promise<CliResult> {
    return cliResult(this.#spawn("npx", ["--no-install", "plimsoll", ...args]));
  }

  /** Runs a file of the folder. */
  node(...args: readonly string[]): Promise<CliResult> {
    return cliResult(this.#spawn(NODE, args));
  }

  /** Runs a development tool of the checkout in the folder. */
  tool(name: string, ...args: readonly string[]): Promise<CliResult> {
    return cliResult(this.#spawn(join(CHECKOUT, "node_modules/.bin", name), args));
  }

  /** Every file that lies in the package's folder, with when it changed. */
  async state(): Promise<string[]> {
    const names = await readdir(this.path("."), { recursive: true });
    const lines = names.map(async (name) => `${name} ${(await stat(this.path(name))).mtimeMs}`);
    return (await Promise.all(lines)).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null) child.kill("SIGKILL");
    await this.folder[Symbol.asyncDispose]();
  }

  /** With nothing of this process's environment that changes how Node runs. */
  #spawn(command: string, args: readonly string[]): ChildProcessWithoutNullStreams {
    const { NODE_OPTIONS: _options, NODE_COMPILE_CACHE: _cache, NODE_ENV: _env, ...env } = process.env;
    const path = [dirname(NODE), env["PATH"]].join(delimiter);
    const child = spawn(command, args, { cwd: this.folder.path("."), env: { ...env, PATH: path } });
    this.#children.add(child);
    return child;
  }
}

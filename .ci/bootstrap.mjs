// Makes a checkout ready to run: dependencies, the pinned Node, the dashboard and, with --test, Chromium, Redis and
// Python; in CI Prometheus too.
// Runs on Node 20 with nothing installed, before `npm start`, `npm run plimsoll` and `npm test`.
// Speaks on standard error only: standard output belongs to the command that follows.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const binaries = join(root, "node_modules", ".bin");
const runtime = join(binaries, "node");
const RUNTIME_MAJOR = 24;

const dependencies = {
  missing: () => changed("node_modules/.package-lock.json") < changed("package-lock.json"),
  supply() {
    say("installing dependencies");
    // What runs later runs on the pinned Node: the one that installs may be older than packages want.
    const flags = ["--include=dev", "--no-engine-strict", "--no-audit", "--no-fund", "--loglevel=error"];
    // npm must not run on the Node that lies in the folder it is about to replace.
    const path = process.env.PATH.split(delimiter).filter((folder) => resolve(folder) !== binaries);
    run("npm", ["ci", ...flags], path);
  },
};

const pinnedNode = {
  missing() {
    const version = spawnSync(runtime, ["--version"], { encoding: "utf8" }).stdout ?? "";
    return !(Number.parseInt(version.slice(1), 10) >= RUNTIME_MAJOR);
  },
  supply() {
    fail(
      `Node ${RUNTIME_MAJOR} or newer is missing from node_modules: its install script did not run; ` +
        "run `npm rebuild node --ignore-scripts=false`",
    );
  },
};

const dashboard = {
  missing: () => changed("dist/dashboard/index.html") < newest("src/dashboard", "package-lock.json"),
  supply() {
    say("building the dashboard");
    run("vite", ["build", "--config", "src/dashboard/vite.config.ts", "--logLevel", "warn"], searchPath());
  },
};

const chromium = {
  missing: () => !existsSync(process.env.CHROMIUM_PATH ?? "/usr/bin/chromium"),
  supply() {
    const hint = "the browser tests need Chromium: install it, or set CHROMIUM_PATH to its executable";
    if (process.env.CHROMIUM_PATH !== undefined) fail(hint);
    installFromDebian("chromium", hint);
  },
};

const redis = {
  missing: () => !["redis-server", "valkey-server"].some(onPath),
  supply() {
    installFromDebian(
      "redis-server",
      "the tests of shared stores need redis-server or valkey-server: install one",
    );
  },
};

const python = {
  missing: () => !onPath("python3"),
  supply() {
    installFromDebian("python3", "the tests of the engines' plug-ins need python3: install it");
  },
};

/** Tests that use it are skipped without: where nobody waits for them, it is a server that nobody asked for. */
const prometheus = {
  missing: () => !onPath("promtool"),
  supply() {
    installFromDebian("prometheus", "CI tests alerts and dashboards with Debian's prometheus: install it");
  },
};

const steps = [dependencies, pinnedNode, dashboard];
if (process.argv.includes("--test")) steps.push(chromium, redis, python);
if (process.argv.includes("--test") && process.env.CI !== undefined) steps.push(prometheus);

process.chdir(root);
if (steps.some((step) => step.missing())) {
  const unlock = lock();
  process.once("exit", unlock);
  for (const step of steps) if (step.missing()) step.supply();
}

/** When a file or folder last changed, ms since 1970; 0 when there is none. */
function changed(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The latest change of a folder, whatever lies in it (a removed file changes its folder) and a file beside it. */
function newest(folder, file) {
  const inside = readdirSync(folder, { recursive: true }).map((name) => changed(join(folder, name)));
  return Math.max(changed(file), changed(folder), ...inside);
}

function onPath(program) {
  return process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** @param hint what a person can do where this cannot */
function installFromDebian(name, hint) {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) fail(hint);
  say(`installing ${name}`);
  run("apt-get", ["update", "-qq"], searchPath());
  const install = ["install", "-y", "-qq", "--no-install-recommends", name];
  run("apt-get", install, searchPath(), { DEBIAN_FRONTEND: "noninteractive" });
}

function searchPath() {
  return [binaries, process.env.PATH];
}

/** Runs a command to its end; what it printed is shown only when it fails. */
function run(command, args, path, environment = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, ...environment, PATH: path.join(delimiter) },
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
  fail(
    `\`${command} ${args.join(" ")}\` ${error ? `did not start: ${error.message}` : `failed (${status})`}`,
  );
}

/** Waits until no other bootstrap works on this checkout; the link's target is the owner's process id. */
function lock() {
  const link = join(root, "dist", "bootstrap.lock");
  mkdirSync(join(root, "dist"), { recursive: true });
  let waiting = false;
  for (;;) {
    try {
      symlinkSync(String(process.pid), link);
      return () => rmSync(link, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (ownerDied(link)) {
      rmSync(link, { force: true });
      continue;
    }
    if (!waiting) say("waiting for another bootstrap of this checkout");
    waiting = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

function ownerDied(link) {
  try {
    process.kill(Number(readlinkSync(link)), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}

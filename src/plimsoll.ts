#!/usr/bin/env node
// What the package's command is. It imports nothing that an older Node lacks, so that it can say so.
import process from "node:process";

const LEAST_MAJOR = 24;

if (Number.parseInt(process.versions.node, 10) >= LEAST_MAJOR) await import("./main.ts");
else {
  process.stderr.write(`plimsoll needs Node ${LEAST_MAJOR} or newer; this is ${process.version}\n`);
  process.exitCode = 2;
}

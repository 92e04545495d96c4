#!/usr/bin/env -S node --max-semi-space-size=8
// What the package's command is. It imports nothing that an older Node lacks, so that it can say so.
// MiB of a young generation's half: collections of smaller ones hold streams up for less (docs/performance.md).
import process from "node:process";

const LEAST_MAJOR = 24;

if (Number.parseInt(process.versions.node, 10) >= LEAST_MAJOR) await import("./main.ts");
else {
  process.stderr.write(`plimsoll needs Node ${LEAST_MAJOR} or newer; this is ${process.version}\n`);
  process.exitCode = 2;
}

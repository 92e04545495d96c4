import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const DEBIANS = "/usr/bin/chromium";
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts the system's Chromium: CHROMIUM_PATH where it is set, else Debian's. */
export function launchChromium(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM_PATH ?? DEBIANS;
  if (!existsSync(executablePath)) {
    throw new Error(`no Chromium at ${executablePath}: install it, or set CHROMIUM_PATH to its executable`);
  }
  return chromium.launch({ executablePath, args: QUIET });
}

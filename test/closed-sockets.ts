import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";

const OPEN = new Set(["TCPSocketWrap", "ConnectWrap"]);
const LOOK_MS = 10;
const MOST_LOOKS = 200;

// Test files share a process: a connection that still closes would set timers in the next one, which may count its own.
afterAll(async () => {
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    if (!process.getActiveResourcesInfo().some((resource) => OPEN.has(resource))) return;
    await sleep(LOOK_MS);
  }
});

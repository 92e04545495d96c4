import { setFlagsFromString } from "node:v8";

/**
 * Keeps the young generation as small as it is now, a few megabytes, so that this process stops often and briefly for
 * its garbage, not seldom and for long: what comes meanwhile is read late by as much. What survives, and is what a pause
 * takes time for, is for the most part the state of requests that began since the pause before.
 */
export function keepPausesShort(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

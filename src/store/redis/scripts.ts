import { readFileSync } from "node:fs";
import { packageFile } from "../../files/package-files.ts";

/** Every atomic operation, and how many keys it names; each is explained in the `.lua` file of its name. */
const KEYS = {
  lease: 2,
  release: 1,
  read: 3,
  publish: 2,
  restore: 1,
  put: 3,
  keep: 2,
  send: 2,
  receive: 2,
  claim: 1,
  offer: 2,
  share: 1,
  putAside: 2,
} as const;

export type ScriptName = keyof typeof KEYS;

/** Those that cannot succeed where nothing may be written: the others may find nothing to write. */
export const WRITERS: ReadonlySet<ScriptName> = new Set([
  "publish",
  "put",
  "keep",
  "send",
  "claim",
  "offer",
  "share",
]);

/** As a client wants them. */
export const SCRIPTS = Object.fromEntries(
  Object.entries(KEYS).map(([name, numberOfKeys]) => [
    name,
    { lua: readFileSync(packageFile(`src/store/redis/${name}.lua`), "utf8"), numberOfKeys },
  ]),
);

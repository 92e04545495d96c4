import { readFileSync } from "node:fs";
import { packageFile } from "./package-files.ts";

/** The version of this program. */
export function ownVersion(): string {
  const manifest = readFileSync(packageFile("package.json"), "utf8");
  return (JSON.parse(manifest) as { readonly version: string }).version;
}

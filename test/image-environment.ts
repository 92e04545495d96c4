import { readFile } from "node:fs/promises";

/** What the container image sets, as its Dockerfile says, with an operators' key. */
export async function imageEnvironment(): Promise<Record<string, string>> {
  const text = await readFile(new URL("../Dockerfile", import.meta.url), "utf8");
  const set = [...text.matchAll(/(PLIMSOLL_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]);
  return { ...Object.fromEntries(set), PLIMSOLL_KEY: "0123456789abcdef" };
}

import { once } from "node:events";
import { createServer } from "node:net";
import type { Config } from "../config/config.ts";
import { type Finding, found, missed } from "./finding.ts";

/** The endpoint picker's address can be had, or is taken by a gateway that runs; which pools it picks for. */
export async function checkPicker({ picker }: Config): Promise<readonly Finding[]> {
  if (picker === null) return [];
  const { host, port, pools, tls } = picker;
  const where = `${host}:${port}${tls === null ? "" : ", encrypted"}`;
  const server = createServer();
  try {
    const listening = once(server, "listening");
    server.listen({ host, port });
    await listening;
    return [found("", "picker", `${where}, for ${pools.join(", ")}`)];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      return [found("", "picker", `${where} is in use; it is free when nothing else listens`)];
    return [missed("", "picker", `${where} cannot be had (${code})`)];
  } finally {
    server.close();
  }
}

import { fileURLToPath } from "node:url";
import { freePort, startRouter } from "./router-process.ts";
import type { Router } from "./router.ts";

const MAIN = fileURLToPath(new URL("bare-proxy.ts", import.meta.url));

/** What no gateway on Node's HTTP server and undici can cost less than. */
export const bare: Router = {
  name: "node-proxy",
  everywhere: false,
  start: async (engines, folder) => {
    const port = await freePort();
    const urls = engines.map((engine) => `http://${engine.host}:${engine.port}`);
    const about = `a proxy of Node ${process.version}'s HTTP server and undici, and nothing else`;
    return startRouter({ file: process.execPath, args: [MAIN, `${port}`, ...urls], port, about }, folder);
  },
};

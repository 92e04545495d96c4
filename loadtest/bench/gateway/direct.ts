import type { Router } from "./router.ts";

export const DIRECT = "direct";

/** Clients that spread themselves evenly over the engines: what everything added is measured from. */
export const direct: Router = {
  name: DIRECT,
  everywhere: true,
  start: async (engines) => ({
    addresses: engines,
    pid: null,
    about: "the load generator connects to the engines, evenly",
    stop: async () => {},
  }),
};

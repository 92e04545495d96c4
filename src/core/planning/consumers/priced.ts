import type { Consumer } from "./consumer.ts";
import { shares } from "./shares.ts";

/** Every batch's own counts are split exactly: over a window that comes to what exact shares allow. */
export const priced: Consumer = { ...shares, dispatch: "priced" };

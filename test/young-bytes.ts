import { getHeapSpaceStatistics } from "node:v8";

/** Bytes of the young generation: everything new is in it, and only a collection takes from it. */
export function youngBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name }) => space_name.startsWith("new_"))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}

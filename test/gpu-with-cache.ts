import { H800, type Hardware } from "../src/core/cost/hardware.ts";
import { KvRoom } from "../src/core/cost/kv-room.ts";
import { usableBytes } from "../src/core/cost/memory.ts";
import { kvBytesPerToken } from "../src/model/moe-model.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../harness/small-model.ts";

/** A GPU that has room for so many tokens of cache in the small pool. @param model of those whose layers all keep all tokens */
export function gpuWithCache(tokens: number, model = SMALL_MODEL): Hardware {
  const { capacityTokens } = new KvRoom(model, SMALL_TOPOLOGY, H800);
  const missing = (capacityTokens - tokens) * kvBytesPerToken(model);
  const used = usableBytes(H800) / H800.memoryBytes;
  return { ...H800, memoryBytes: H800.memoryBytes - missing / used };
}

import { describe } from "vitest";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { snapshotStoreContract } from "./snapshot-store-contract.ts";

describe("memory", () => {
  snapshotStoreContract(async () => new MemoryStore());
});

import { expect, test } from "vitest";
import { addressOf } from "../../src/engines/http/address-of.ts";

test.each([
  ["http://10.0.0.1:8000", "10.0.0.1:8000"],
  ["http://10.0.0.1", "10.0.0.1:80"],
  ["https://[fd00::1]", "[fd00::1]:443"],
  ["http://localhost:8000", "127.0.0.1:8000"],
  ["http://vllm.models:8000", null],
  ["http://10.0.0.1:8000/base", null],
])("a proxy is sent to %s at %s", (url, address) => {
  expect(addressOf(url)).toBe(address);
});

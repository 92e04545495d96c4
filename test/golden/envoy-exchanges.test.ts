import { expect, test } from "vitest";
import { type Heard, heard } from "../../harness/envoy/messages.ts";
import { readProcessingRequest } from "../../src/picker/wire/processing-request.ts";
import { PickerCase } from "../picker-case.ts";
import exchanges from "./envoy-exchanges.json" with { type: "json" };

/**
 * What Envoy 1.40 and the picker have said to each other (`npm run -s test:envoy -- --record FILE`), in front of fake
 * servers of the model `small`: Envoy's messages get the same answers again.
 */
test.each(exchanges)("Envoy is answered as it was: $name", async ({ messages }) => {
  const said = (from: string) =>
    messages.filter((one) => one.from === from).map(({ message }) => Buffer.from(message, "base64"));
  const proxy = new PickerCase({ model: "small" }).begin();
  for (const message of said("proxy")) {
    proxy.request.received(readProcessingRequest(message));
    await new Promise(setImmediate);
  }
  expect(proxy.heard.map(alike)).toEqual(said("picker").map(heard).map(alike));
  expect(proxy.heard.length).toBeGreaterThan(0);
});

/** Without what names a server. */
function alike({ part, set, removed, body, isLast, endpoints, status }: Heard): object {
  return { part, names: Object.keys(set), removed, body, isLast, picked: endpoints !== null, status };
}

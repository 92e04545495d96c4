import { configJsonSchema } from "../../src/config/json-schema.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { alertsPage } from "./alerts-page.ts";
import { apiPage } from "./api-page.ts";
import { figures } from "./figures/figures.ts";

/** What of the documentation is made of the code, by path from the checkout's folder. */
export async function madeFiles(): Promise<ReadonlyMap<string, string>> {
  const drawn = [...figures(await loadModel("deepseek-v3"))];
  return new Map([
    ["config/schema.json", `${JSON.stringify(await configJsonSchema(), null, 2)}\n`],
    ["docs/alerts.md", alertsPage()],
    ["docs/api.md", apiPage()],
    ...drawn.map(([name, text]) => [`docs/figures/${name}`, text] as const),
  ]);
}

// Takes the pictures of docs/dashboard.md of a running dashboard, each of one view:
//   node test/e2e/screenshots.ts http://127.0.0.1:PORT/ FOLDER
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launchChromium } from "../../harness/chromium.ts";

const PANELS = [
  "Plimsoll beside EPLB",
  "GPU load",
  "Expert load",
  "Decisions",
  "Over time",
  "GPUs over time",
];
const CLOSED = ["All-to-all: who sends to whom", "Room: what if", "Servers and tenants"];
const WORKED_OUT_MS = 300_000;

const [url, folder] = process.argv.slice(2);
if (url === undefined || folder === undefined) {
  process.stderr.write("usage: screenshots.ts URL FOLDER\n");
  process.exit(2);
}

const fileOf = (title: string) => join(folder, `${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}.png`);
const browser = await launchChromium();
try {
  mkdirSync(folder, { recursive: true });
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
  await page.goto(url);
  await page.locator(".heat-map canvas").waitFor();
  await page.getByTestId("decision-row").first().waitFor();
  await page.locator(".history canvas").first().waitFor();
  await page.locator(".why .expert").first().waitFor();
  await page.locator("section[aria-label='Key figures']").screenshot({ path: fileOf("key figures") });
  for (const title of PANELS)
    await page.getByRole("region", { name: title, exact: true }).screenshot({ path: fileOf(title) });
  for (const title of CLOSED) {
    const panel = page.locator("details", { has: page.getByText(title, { exact: true }) });
    await panel.locator("summary").click();
    if (title.startsWith("Room")) await panel.locator("svg").first().waitFor({ timeout: WORKED_OUT_MS });
    await panel.locator("tr").nth(1).waitFor({ timeout: WORKED_OUT_MS });
    await panel.screenshot({ path: fileOf(title) });
    await panel.locator("summary").click();
  }
} finally {
  await browser.close();
}

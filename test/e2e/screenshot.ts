// Takes the README's picture of a running dashboard:
//   node test/e2e/screenshot.ts http://127.0.0.1:PORT/ OUT.png [light|dark]
import { launchChromium } from "../../harness/chromium.ts";

const [url, path, colorScheme = "light"] = process.argv.slice(2);
if (url === undefined || path === undefined || (colorScheme !== "light" && colorScheme !== "dark")) {
  process.stderr.write("usage: screenshot.ts URL OUT.png [light|dark]\n");
  process.exit(2);
}

const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme });
  await page.goto(url);
  await page.locator(".heat-map canvas").waitFor();
  await page.getByTestId("decision-row").first().waitFor();
  await page
    .getByText(/^p95 \d/)
    .first()
    .waitFor();
  await page.screenshot({ path });
} finally {
  await browser.close();
}

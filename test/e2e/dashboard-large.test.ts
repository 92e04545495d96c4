import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DashboardGateway } from "../../harness/fakes/dashboard-gateway.ts";
import { patiently } from "../patiently.ts";
import { decision } from "../unit/pool-state-fixture.ts";
import { launchChromium } from "./chromium.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

const HOSTILE = `<img src=x onerror="document.title='owned'">`;
const LARGE = { nodes: 40, gpusPerNode: 8, slotsPerGpu: 2, layers: 58, experts: 384 };

let browser: Browser;
let gateway: DashboardGateway;
let url: string;
beforeAll(async () => {
  browser = await launchChromium();
  gateway = new DashboardGateway({ pool: `${HOSTILE}${"x".repeat(120)}`, ...LARGE });
  gateway.decisions = [
    decision({ id: 1, reason: HOSTILE, stages: { done: 3, of: 29 }, state: "under way" }),
    decision({ id: 2, kind: "kept", reason: "kept", times: 40 }),
  ];
  gateway.state = { lost: [{ rank: 300, how: "silent" }], missing: [{ layer: 9, experts: [4] }] };
  url = await gateway.listen();
});
afterAll(async () => {
  await browser?.close();
  await gateway?.[Symbol.asyncDispose]();
});

async function opened(width: number, height: number): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height } });
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  await page.goto(url);
  await page.locator(".heat-map canvas").waitFor();
  expect(wrong).toEqual([]);
  return page;
}

/** Elements that reach over the page's right edge. */
const TOO_WIDE = `[...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .filter((element) => element.closest(".table-frame") === null)
  .map((element) => element.className)`;
const NARROWEST = `Math.min(...[...document.querySelectorAll("[data-testid=gpu]")].map((gpu) => gpu.getBoundingClientRect().width))`;
const USED = `document.querySelector(".panels").getBoundingClientRect().width / document.documentElement.clientWidth`;

describe.each([
  [390, 844],
  [1280, 900],
  [3840, 2160],
])("320 GPUs and 384 experts on a screen %i wide", (width, height) => {
  test("fit, and can be told from each other", async () => {
    const page = await opened(width, height);
    expect(await page.evaluate(TOO_WIDE)).toEqual([]);
    expect(await page.getByTestId("gpu").count()).toBe(320);
    expect(await page.evaluate(NARROWEST)).toBeGreaterThan(8);
    expect(await page.evaluate(USED)).toBeGreaterThan(0.9);
    await page.close();
  });
});

test.each(["light", "dark"] as const)("nothing is found by axe-core in the %s page", async (colorScheme) => {
  const page = await opened(1280, 900);
  await page.emulateMedia({ colorScheme });
  await page.addScriptTag({ path: AXE });
  const found = await page.evaluate<{ violations: readonly Violation[] }>("axe.run(document)");
  const said = found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 120))]);
  expect(said).toEqual([]);
  await page.close();
});

test("a rollout is one row, and what somebody has named is text", async () => {
  const page = await opened(1280, 900);
  const rows = page.getByTestId("decision-row");
  expect(await rows.count()).toBe(2);
  expect(await rows.last().innerText()).toContain("stage 3 of 29");
  expect(await rows.last().innerText()).toContain(HOSTILE);
  expect(await page.title()).not.toBe("owned");
  expect(await page.locator("img").count()).toBe(0);
  await page.close();
});

test("what is wrong is said, also by other reports, and a gateway that comes back is read again", async () => {
  const page = await opened(1280, 900);
  const alarms = page.getByRole("alert");
  await alarms.getByText("1 expert has no replica, in layer 9.").waitFor();
  await alarms.getByText("1 of 320 ranks lost: 300 (silent).").waitFor();
  expect(await page.locator(".cell.lost").count()).toBe(1);
  gateway.cut();
  await page.getByText("Disconnected", { exact: true }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await alarms.getByText("1 of 320 ranks lost: 300 (silent).").waitFor();
  await page.close();
});

test("many reports leave no more behind than a bounded past", async () => {
  const page = await opened(1280, 900);
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
    return usedSize / 2 ** 20;
  };
  const shown = page.locator(".readout").first();
  const send = async (reports: number) => {
    for (let i = 0; i < reports; i++) gateway.report();
    await expect.poll(() => gateway.unread, patiently).toBe(0);
    await shown.innerText();
  };
  await send(5);
  const before = await heap();
  await send(40);
  // A report of this size is some 0.2 MiB of numbers, and its sample 25 kB.
  expect((await heap()) - before).toBeLessThan(12);
  await page.close();
});

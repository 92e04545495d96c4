import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { runHere } from "../run-here.ts";
import { launchChromium } from "../../harness/chromium.ts";
import { CHART_LINES, LEGEND_CONTRASTS, faintTexts } from "./page-checks.ts";

/** Text that does not stand out from what is behind it is not read. */
const LEAST_CONTRAST = 4.5;
const LEAST_CONTRAST_OF_LINES = 3;

let folder: ScratchFolder;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
const requests: string[] = [];

beforeAll(async () => {
  folder = await scratchFolder();
  await folder.write("model.yaml", JSON.stringify(SMALL_MODEL));
  await folder.write("topology.yaml", JSON.stringify(SMALL_TOPOLOGY));
  const scenario = {
    model: folder.path("model.yaml"),
    topology: folder.path("topology.yaml"),
    trace: null,
    requestsPerSecond: 200,
    routing: null,
    durationSeconds: 0.5,
    sharesSeconds: 0.02,
    placementSeconds: 0.1,
    slo: { ttftMs: 5, tpotMs: 1 },
    faults: [{ rank: 1, atSeconds: 0.2, noticedSeconds: 0.02, forSeconds: 0.1 }],
    recordTokens: 1000,
    seed: 1,
  };
  const path = await folder.write("<b>run.yaml", JSON.stringify(scenario));
  [, browser] = await Promise.all([
    runHere("simulate", "--scenario", path, "--out", folder.path("run")),
    launchChromium(),
  ]);
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(`file://${folder.path("run/report.html")}`);
});

afterAll(async () => {
  await browser?.close();
  await folder[Symbol.asyncDispose]();
});

test("the report opens from the disk and asks for nothing else", () => {
  expect(requests).toEqual([`file://${folder.path("run/report.html")}`]);
  expect(complaints).toEqual([]);
});

test("it says first what balance gained, and names what it was of as it is written", async () => {
  expect(await page.locator(".lead").innerText()).toMatch(/Plimsoll|Balance/);
  expect(await page.locator("header dd").first().innerText()).toBe("<b>run.yaml");
});

test("every chart has a line for each policy, in its own colour, and marks what happened", async () => {
  const charts = page.locator("figure.chart");
  expect(await charts.count()).toBe(11);
  const drawn = await page.evaluate<{ colour: string; length: number }[][]>(CHART_LINES);
  for (const lines of drawn) {
    expect(lines).toHaveLength(3);
    expect(lines.map(({ colour }) => colour)).toEqual(drawn[0].map(({ colour }) => colour));
    expect(new Set(lines.map(({ colour }) => colour)).size).toBe(3);
    for (const { length } of lines) expect(length).toBeGreaterThan(0);
  }
  expect(await page.locator("figure", { hasText: "Balancedness" }).locator("path.mark").count()).toBe(2);
});

test("whoever cannot see the charts is told what they show, and has their figures", async () => {
  for (const chart of await page.locator("figure.chart").all()) {
    const says = (await chart.getByRole("img").getAttribute("aria-label")) ?? "";
    for (const name of ["no redundancy", "EPLB, even shares", "Plimsoll"]) expect(says).toContain(name);
    expect(await chart.locator("details table tbody tr").count()).toBeGreaterThan(4);
  }
  const summary = page.locator("figure.chart summary").first();
  await summary.focus();
  await page.keyboard.press("Enter");
  expect(await page.locator("figure.chart table").first().isVisible()).toBe(true);
  await page.keyboard.press("Enter");
});

test("its parts are named: language, title, one first heading, headers of tables", async () => {
  expect(await page.locator("html").getAttribute("lang")).toBe("en");
  expect(await page.title()).not.toBe("");
  const levels = await page.evaluate<number[]>(
    '[...document.querySelectorAll("h1, h2, h3")].map((heading) => Number(heading.tagName[1]))',
  );
  expect(levels[0]).toBe(1);
  for (const [i, level] of levels.slice(1).entries()) {
    expect(level).toBeGreaterThan(1);
    expect(level - levels[i]).toBeLessThanOrEqual(1);
  }
  expect(await page.locator("table:not(:has(caption))").count()).toBe(0);
  expect(await page.locator("th:not([scope])").count()).toBe(0);
  expect(await page.locator("svg:not([aria-hidden]):not([role=img][aria-label])").count()).toBe(0);
});

test.each(["light", "dark"] as const)("it can be read on a phone, in %s", async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  expect(await page.evaluate(faintTexts(LEAST_CONTRAST))).toEqual([]);
  const lines = await page.evaluate<number[]>(LEGEND_CONTRASTS);
  expect(lines.length).toBeGreaterThan(0);
  for (const contrast of lines) expect(contrast).toBeGreaterThan(LEAST_CONTRAST_OF_LINES);
});

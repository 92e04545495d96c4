import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { runHere } from "../run-here.ts";
import { launchChromium } from "../../harness/chromium.ts";
import { faintTexts } from "./page-checks.ts";

/** Text that does not stand out from what is behind it is not read. */
const LEAST_CONTRAST = 4.5;

interface Answer {
  readonly gpus: number;
  readonly units: number;
  readonly gpusPerUnit: number;
}

let folder: ScratchFolder;
let browser: Browser;
let page: Page;
let answer: Answer;
const requests: string[] = [];

beforeAll(async () => {
  folder = await scratchFolder();
  const asked = ["--model", "mixtral-8x7b", "--gpu", "h100", "--rate", "3", "--isl", "256", "--osl", "12"];
  const limits = ["--ttft-p95", "300", "--itl-p95", "25", "--max-gpus", "8"];
  const money = ["--price", "h100=2", "--api-price", "in=0.5,out=1"];
  const [text, chromium] = await Promise.all([
    runHere("plan", ...asked, ...limits, ...money, "--out", folder.path("plan"), "--json"),
    launchChromium(),
  ]);
  ({ answer } = JSON.parse(text) as { answer: Answer });
  browser = chromium;
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(`file://${folder.path("plan/plan.html")}`);
});

afterAll(async () => {
  await browser?.close();
  await folder[Symbol.asyncDispose]();
});

test("it opens from the disk, and says first how many GPUs, for how much, how sure", async () => {
  expect(requests).toEqual([`file://${folder.path("plan/plan.html")}`]);
  const lead = await page.locator(".lead").innerText();
  expect(lead).toContain(`${answer.gpus} H100: ${answer.units} units of ${answer.gpusPerUnit}`);
  expect(lead).toContain(`$${2 * answer.gpus}.00 an hour`);
  expect(lead).toMatch(/off by as much as is usual: (?:from \d+ to|still) (?:more than the )?\d+/);
});

test("every GPU is drawn, in its unit, and those to spare are told apart", async () => {
  expect(await page.locator(".units .unit").count()).toBe(answer.units);
  expect(await page.locator(".units .gpus i").count()).toBe(answer.gpus);
  expect(await page.locator(".units .unit.spare").count()).toBe(1);
  const fills = await page.evaluate<string[]>(
    "[...document.querySelectorAll('.units i')].map((gpu) => getComputedStyle(gpu).backgroundImage)",
  );
  expect(fills.filter((fill) => fill.includes("gradient"))).toHaveLength(answer.gpusPerUnit);
});

test("bars end where their figures say, and the load line is where the twin's limit has it", async () => {
  const parts = await page.evaluate<{ text: string; width: number; line: number | null }[]>(`
    [...document.querySelectorAll('figure:has(.bar-legend)')][0].querySelectorAll('.bar-row').values().map((row) => {
      const track = row.querySelector('.bar-track').getBoundingClientRect();
      const bar = row.querySelector('.bar').getBoundingClientRect();
      const line = row.querySelector('.bar-line').getBoundingClientRect();
      return { text: row.querySelector('.bar-text').innerText, width: bar.width / track.width,
        line: (line.left + line.width / 2 - track.left) / track.width };
    }).toArray()`);
  expect(parts).toHaveLength(2);
  for (const { text, width, line } of parts) {
    expect(line).toBeCloseTo(1 / 1.2, 2);
    expect(width * 1.2).toBeCloseTo(Number.parseFloat(text) / 100, 1);
  }
});

test("whoever cannot see the pictures is told what they show", async () => {
  const said = await page
    .locator("figure [role=img]")
    .evaluateAll((pictures) => pictures.map((picture) => picture.getAttribute("aria-label") ?? ""));
  expect(said).toHaveLength(7);
  for (const text of said) expect(text).toMatch(/\d/);
  expect(await page.locator("svg:not([aria-hidden]):not([role=img][aria-label])").count()).toBe(0);
});

test.each(["light", "dark"] as const)("it can be read on a phone, in %s", async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  expect(await page.evaluate(faintTexts(LEAST_CONTRAST))).toEqual([]);
});

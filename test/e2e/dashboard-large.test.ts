import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DashboardGateway } from "../../harness/fakes/dashboard-gateway.ts";
import { MadeUpPast } from "../../harness/fakes/made-up-past.ts";
import { patiently } from "../patiently.ts";
import { BESIDE } from "../unit/pool-report-fixture.ts";
import { decision } from "../unit/pool-state-fixture.ts";
import { walkPage } from "./walk-page.ts";
import { launchChromium } from "../../harness/chromium.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

const HOSTILE = `<img src=x onerror="document.title='owned'">`;
/** Where it is not of size, but of what there is. */
const ORDINARY = { nodes: 2, gpusPerNode: 8, slotsPerGpu: 5, layers: 12, experts: 64 };
const LARGE = { nodes: 40, gpusPerNode: 8, slotsPerGpu: 2, layers: 58, experts: 384 };

let browser: Browser;
let gateway: DashboardGateway;
let url: string;
beforeAll(async () => {
  browser = await launchChromium();
  gateway = madeUpGateway(LARGE, 300);
  url = await gateway.listen();
});
afterAll(async () => {
  await browser?.close();
  await gateway?.[Symbol.asyncDispose]();
});

function madeUpGateway(size: typeof LARGE, lost: number): DashboardGateway {
  const made = new DashboardGateway({ pool: `${HOSTILE}${"x".repeat(120)}`, ...size });
  made.decisions = [
    decision({ id: 1, reason: HOSTILE, stages: { done: 3, of: 29 }, state: "under way" }),
    decision({ id: 2, kind: "kept", reason: "kept", times: 40 }),
  ];
  made.beside = BESIDE;
  made.state = { lost: [{ rank: lost, how: "silent" }], missing: [{ layer: 9, experts: [4] }] };
  return made;
}

async function opened(width: number, height: number, at = url): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height } });
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  await page.goto(at);
  await page.locator(".heat-map canvas").waitFor();
  expect(wrong).toEqual([]);
  return page;
}

/** With all that is said of the pool's room, who sends to whom, and what a decision changed. */
async function withAll(page: Page): Promise<void> {
  await page.locator(".exchange summary").click();
  await page.locator(".pairs canvas").waitFor();
  await withRoom(page);
  await withChanges(page);
}

async function withRoom(page: Page): Promise<void> {
  await page.getByText("Room: what if").click();
  await page.getByRole("button", { name: "Work it out again" }).waitFor();
}

/** With all that is said of what a decision changed. */
async function withChanges(page: Page): Promise<void> {
  await page.getByTestId("decision-row").last().getByRole("button").press("Enter");
  await page.getByRole("heading", { name: "What decision 1 changed" }).waitFor();
}

/** Elements that reach over the page's right edge. */
const TOO_WIDE = `[...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .filter((element) => element.closest(".table-frame") === null)
  .map((element) => element.className)`;
const NARROWEST = `Math.min(...[...document.querySelectorAll("[data-testid=gpu]")].map((gpu) => gpu.getBoundingClientRect().width))`;
const USED = `document.querySelector(".panels").getBoundingClientRect().width / document.documentElement.clientWidth`;

test("320 GPUs and 384 experts fit a phone, a laptop and a wall, and can be told from each other", async () => {
  const page = await opened(390, 844);
  await withAll(page);
  for (const [width, height] of [
    [390, 844],
    [1280, 900],
    [3840, 2160],
  ]) {
    await page.setViewportSize({ width, height });
    await expect.poll(() => page.evaluate(TOO_WIDE), patiently).toEqual([]);
    expect(await page.getByTestId("gpu").count()).toBe(320);
    expect(await page.evaluate<number>(NARROWEST)).toBeGreaterThan(8);
    expect(await page.evaluate<number>(USED)).toBeGreaterThan(0.9);
  }
  await page.close();
});

test("nothing is found by axe-core, light and dark", async () => {
  await using ordinary = madeUpGateway(ORDINARY, 9);
  const page = await opened(1280, 900, await ordinary.listen());
  await withAll(page);
  await page.addScriptTag({ path: AXE });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate<{ violations: readonly Violation[] }>("axe.run(document)");
    const said = found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 120))]);
    expect([colorScheme, said]).toEqual([colorScheme, []]);
  }
  await page.close();
});

test("a moment that is past is chosen where it is seen, with its GPU, and shown as it was", async () => {
  const past = new MadeUpPast({ pool: "p", ...LARGE }, gateway.nowMs);
  gateway.past = past;
  const page = await opened(1280, 900);
  await page.getByRole("radio", { name: "1 hour" }).check();
  const strip = page.getByRole("region", { name: "GPUs over time" });
  const canvas = strip.locator("canvas");
  const { gpu, at } = past.hot;
  const box = await canvas.evaluate(boxOf);
  // Where it is on the canvas: 40 px of names and 14 px at the end, 18 px above, 4 px for each of 40 nodes.
  const x = 40 + ((at - (gateway.nowMs - 3_600_000)) / 3_600_000) * (box.width - 54);
  const y = 18 + 4 * Math.floor(gpu / 8) + 2;
  await canvas.hover({ position: { x, y } });
  await strip.getByText(/ · node 13: a step took 3\d\.\d % longer for it, most of it for GPU 106$/).waitFor();
  await canvas.click({ position: { x, y } });
  await page.getByText("then: 10 seconds from").waitFor();
  await page.getByRole("heading", { name: `What filled GPU ${gpu}` }).waitFor();
  expect(await page.locator(".why .expert").count()).toBe(6);
  expect(await page.locator(".cell.chosen").count()).toBe(1);
  expect(await page.evaluate(TOO_WIDE)).toEqual([]);
  const when = new Date(past.lost.at).toISOString().slice(0, 19);
  await page.goto(`${url}#range=1h&at=${when}Z`);
  await page.locator(".cell.lost").waitFor();
  await page.getByText(`Lost: GPU ${past.lost.gpu}.`).waitFor();
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>("axe.run(document)");
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.close();
  gateway.past = null;
});

function boxOf(element: unknown): { readonly width: number } {
  return (element as { getBoundingClientRect(): { readonly width: number } }).getBoundingClientRect();
}

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

test("all that can be opened, pressed, chosen or read by keys is, and nothing goes wrong", async () => {
  await using ordinary = madeUpGateway(ORDINARY, 9);
  const page = await opened(1280, 900, await ordinary.listen());
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(message.text());
  });
  const used = await walkPage(page);
  expect(wrong).toEqual([]);
  // Each panel has something to use, closed ones once they are open.
  const panels = await page.locator(".panel :is(h2, summary)").allInnerTexts();
  expect(panels.filter((title) => !used.some((one) => one.startsWith(`${title} /`)))).toEqual([]);
  expect(panels.length).toBeGreaterThan(4);
  await page.close();
});

test("what a decision changed is chosen by keys, drawn, listed and held by the link; loads have their forecast", async () => {
  const page = await opened(1280, 900);
  await withChanges(page);
  const canvas = page.locator(".heat-map canvas");
  expect(await canvas.getAttribute("width")).toBe("640");
  expect(await page.locator(".kinds").innerText()).toMatch(/^gained [\d,]+\s+moved [\d,]+\s+emptied 116$/);
  expect(await page.getByTestId("change-row").count()).toBe(50);
  await page.locator(".heat-map-cells").focus();
  await page.keyboard.press("End");
  const tip = page.locator(".heat-map .tip");
  expect(await tip.innerText()).toMatch(
    /^layer 3, slot 639 on GPU 319: empty, in place of expert \d+ · expert \d+: replicas \d → \d, \d+\.\d\d × then/,
  );
  expect(new URL(page.url()).hash).toBe("#experts=changes&decision=1");
  await page.reload();
  await page.getByRole("heading", { name: "What decision 1 changed" }).waitFor();
  expect(await page.locator("img").count()).toBe(0);
  await page.getByRole("radio", { name: "by expert" }).check();
  expect(await canvas.getAttribute("width")).toBe("384");
  await page.getByRole("radio", { name: "Off forecast" }).check();
  await page.getByText("of the tokens are with other experts than forecast").waitFor();
  await page.getByRole("radio", { name: "Experts", exact: true }).check();
  await page.getByRole("group", { name: "In what loads are shown" }).getByLabel("Tokens/s").check();
  expect(await page.locator(".legend").first().innerText()).toMatch(/^tokens\/s/);
  await page.locator(".heat-map-cells").focus();
  await page.keyboard.press("ArrowRight");
  expect(await tip.innerText()).toMatch(
    /^layer 3, expert 1, \d+\.\d\d× \(forecast \d+\.\d\d×\), [\d,]+ tokens\/s/,
  );
  await page.close();
});

test("how much room there is: worked out while it is open, and read off for what a person wants kept", async () => {
  const page = await opened(1280, 900);
  gateway.thinks = true;
  const summary = page.locator(".room summary");
  await summary.press("Enter");
  await page.getByText("Placing the experts on more and fewer slots: 1 of 3.").waitFor();
  await summary.press("Enter");
  await expect.poll(() => gateway.givenUp, patiently).toEqual(["slots"]);
  gateway.thinks = false;
  await withRoom(page);
  const lead = page.locator(".room .lead");
  expect(await lead.innerText()).toContain(
    "Room: traffic × 1.21 (48.5 requests/s); beyond it, first tokens (p95)",
  );
  expect(await lead.innerText()).toContain(
    "more redundant slots would take steps from 1.20 × to 1.05 × level, and 7.5 GB",
  );
  await page.getByLabel("First token (p95) within").fill("3375");
  await lead.getByText("Room: traffic × 1.50 (60 requests/s)").waitFor();
  expect(await page.locator(".line-chart svg").count()).toBe(3);
  expect(await page.locator(".line-chart .today").count()).toBe(3);
  await page.getByText("cannot serve it: too small").waitFor();
  await page.getByLabel("Type of GPU").selectOption("H200");
  await expect.poll(() => gateway.asked, patiently).toContainEqual({ what: "nodes", gpu: "h200" });
  await page.close();
});

test("who sends to whom is asked for while it is open only, and read pair by pair with the keys", async () => {
  const page = await opened(1280, 900);
  const asked = gateway.exchangesAsked;
  const summary = page.locator(".exchange summary");
  await summary.press("Enter");
  await page.locator(".pairs canvas").waitFor();
  expect(gateway.exchangesAsked).toBe(asked + 1);
  const said = page.locator(".pairs .unseen");
  await page.locator(".pairs-cells").focus();
  await page.keyboard.press("ArrowRight");
  await expect
    .poll(() => said.innerText(), patiently)
    .toMatch(/^node 0 → node 1: [\d,]+ selections\/s, \d\.\d\d %/);
  await page.keyboard.press("ArrowDown");
  await expect.poll(() => said.innerText(), patiently).toMatch(/^Within node 1: /);
  await page.getByRole("radio", { name: "Tokens sent" }).check();
  await page.locator(".pairs-cells").focus();
  await page.keyboard.press("End");
  await expect.poll(() => said.innerText(), patiently).toMatch(/node 0 → node 39: [\d,]+ tokens\/s/);
  await page.close();
});

test("a pair of nodes is looked into, GPU by GPU, by keys, mouse and link", async () => {
  const page = await opened(1280, 900);
  await page.locator(".exchange summary").click();
  const cells = page.locator(".pairs-cells");
  await cells.focus();
  for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "Enter"]) await page.keyboard.press(key);
  await page.locator(".gpu-block canvas[width='8'][height='8']").waitFor();
  expect(new URL(page.url()).hash).toContain("exchange=1-2");
  const said = page.locator(".pairs .unseen");
  await cells.focus();
  await page.keyboard.press("End");
  await expect
    .poll(() => said.innerText(), patiently)
    .toMatch(/^GPU 8 on node 1 → GPU 23 on node 2: [\d.]+ selections\/s, \d\.\d\d × an even pair/);
  await page.locator(".node-choice").getByLabel("to").selectOption("all nodes");
  const block = page.locator(".gpu-block canvas[width='320'][height='8']");
  await block.waitFor();
  expect(await page.evaluate(TOO_WIDE)).toEqual([]);
  await page.reload();
  await block.waitFor();
  await cells.focus();
  await page.keyboard.press("Escape");
  await page.locator(".pairs canvas[width='40']").waitFor();
  await page.locator(".pairs canvas").click({ position: { x: 5, y: 5 } });
  await expect.poll(() => new URL(page.url()).hash, patiently).toContain("exchange=0-0");
  await page.getByRole("button", { name: "Back to nodes" }).click();
  await page.locator(".exchange summary").click();
  await expect.poll(() => new URL(page.url()).hash, patiently).not.toContain("exchange");
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

const TURN = (hidden: boolean) =>
  `Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));`;

test("a tab that nobody sees keeps no connection, and is live at once when it is seen again", async () => {
  const page = await browser.newPage();
  await page.clock.install();
  await page.goto(url);
  const live = page.getByText("Live", { exact: true });
  await live.waitFor();
  expect(gateway.readers).toBe(1);
  await page.evaluate(TURN(true));
  await page.clock.fastForward(1000);
  await page.evaluate(TURN(false));
  await page.clock.fastForward(10_000);
  expect(gateway.readers).toBe(1);
  await page.evaluate(TURN(true));
  await page.clock.fastForward(6000);
  await expect.poll(() => gateway.readers, patiently).toBe(0);
  await page.evaluate(TURN(false));
  await expect.poll(() => gateway.readers, patiently).toBe(1);
  await live.waitFor();
  await page.close();
});

test("a gateway that only routes shows its traffic and servers, and pools as they come and go", async () => {
  gateway.routesOnly = true;
  const page = await browser.newPage();
  await page.goto(`${url}#pool=other`);
  await page.getByText("made-up tracks the experts of no pool").waitFor();
  const missing = page.getByText("There is no pool other here now.");
  await missing.waitFor();
  gateway.traffic();
  await page.getByRole("region", { name: "Traffic" }).getByText("500", { exact: true }).waitFor();
  await page.getByText("Servers and tenants").click();
  await expect.poll(() => page.getByTestId("shard-row").count(), patiently).toBe(320);
  gateway.report();
  await page.locator(".heat-map canvas").waitFor();
  expect(await missing.count()).toBe(1);
  gateway.remove();
  await page.getByText("made-up tracks the experts of no pool").waitFor();
  await page.close();
  gateway.routesOnly = false;
});

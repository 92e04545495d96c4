import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Browser, BrowserContext, ConsoleMessage, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { startCliWith } from "../run-cli.ts";
import { launchChromium } from "../../harness/chromium.ts";

const SOON = { timeout: 60_000 };
const SMALL = ["--model", "gpt-oss-20b", "--topology", "1x4"];

/** GPUs that reach over the next. */
const OVERLAPPING = `[...document.querySelectorAll("[data-testid=gpu]")]
  .map((gpu) => gpu.getBoundingClientRect())
  .filter(({ right }, i, all) => right > (all[i + 1]?.left ?? Infinity) + 0.01).length`;

let demo: ChildProcessWithoutNullStreams;
let url: string;
let browser: Browser;
/** One window: each has a page of Chromium's own beside ours. */
let context: BrowserContext;
let page: Page;
let folder: ScratchFolder;
const complaints: string[] = [];

beforeAll(async () => {
  folder = await scratchFolder();
  [{ demo, url }, browser] = await Promise.all([startDemo("0", await fewRequests()), launchChromium()]);
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.on("console", (message: ConsoleMessage) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
});

afterAll(async () => {
  await browser?.close();
  demo?.kill("SIGKILL");
  await folder[Symbol.asyncDispose]();
});

test("the header names the pool and its topology", async () => {
  await page.getByText("deepseek-v3").waitFor(SOON);
  const header = await page.locator("header").innerText();
  expect(header).toContain("Live");
  expect(header).toContain("4 nodes × 8");
  expect(header).toContain("32 redundant");
});

test("the heat map paints every expert of every layer", async () => {
  const canvas = page.locator(".heat-map canvas");
  await canvas.waitFor(SOON);
  expect(await canvas.getAttribute("width")).toBe("256");
  expect(await canvas.getAttribute("height")).toBe("58");
  // A blank canvas has one.
  await expect.poll(() => canvas.evaluate(distinctColours), SOON).toBeGreaterThan(16);
});

test("EPLB on the same tokens stands beside what is in force", async () => {
  const beside = page.getByRole("region", { name: "Plimsoll beside EPLB" });
  await beside.getByText(/worked out beside it on the same tokens/).waitFor(SOON);
  const balancedness = beside.locator("tbody tr:last-child td").first();
  await expect.poll(() => balancedness.innerText(), SOON).toMatch(/^0\.\d{3}$/);
});

test("every GPU has a bar, one is explained, and the load line and the step are drawn", async () => {
  expect(await page.getByTestId("gpu").count()).toBe(32);
  expect(await page.evaluate(OVERLAPPING)).toBe(0);
  expect(await page.locator(".gpu.chosen").count()).toBe(1);
  await page.getByText("line 1.25 ×").waitFor(SOON);
  await page.locator(".step-line").waitFor(SOON);
  expect(await page.locator(".status .calm").innerText()).toMatch(
    /^32 of 32 ranks · nothing missing · led by /,
  );
});

test("an expert that fills a GPU is marked in the heat map, and its replicas among the GPUs", async () => {
  const first = page.locator(".why li button").first();
  await first.waitFor(SOON);
  await first.hover();
  expect(await page.locator(".heat-map .pointed").count()).toBe(1);
  expect(await page.locator(".gpu.marked").count()).toBeGreaterThan(0);
  await page.getByTestId("gpu").nth(5).click();
  await page.getByRole("heading", { name: "What fills GPU 5" }).waitFor(SOON);
  await page.getByRole("button", { name: "back to the one steps wait for" }).click();
  await page.getByText("Steps wait most for GPU").waitFor(SOON);
});

test("the heat map shows slots, replicas, and the heaviest first", async () => {
  const canvas = page.locator(".heat-map canvas");
  await page.getByRole("radio", { name: "Slots" }).check();
  expect(await canvas.getAttribute("width")).toBe("288");
  await page.getByRole("radio", { name: "Replicas" }).check();
  expect(await canvas.getAttribute("width")).toBe("256");
  await page.getByRole("radio", { name: "Sorted" }).check();
  await page.getByRole("radio", { name: "Experts", exact: true }).check();
});

test("the figures are live", async () => {
  const tokens = page.locator(".figure", { hasText: "Tokens per second" }).locator(".value");
  const before = await tokens.innerText();
  await expect.poll(() => tokens.innerText(), SOON).not.toBe(before);
  const firstToken = page.locator(".figure", { hasText: "Time to first token" }).locator(".value");
  await expect.poll(() => firstToken.innerText(), SOON).toMatch(/\d/);
});

test("decisions appear as they are made", async () => {
  const rows = page.getByTestId("decision-row");
  // A row of its own, or one time more of what was decided already.
  const decided = async () => {
    const texts = await rows.allInnerTexts();
    return texts.reduce((sum, text) => sum + Number(/(\d+) times/.exec(text)?.[1] ?? 1), 0);
  };
  const before = await decided();
  const order = await fetch(`${url}admin/pools/demo/rebalance`, { method: "POST" });
  expect(order.status).toBe(202);
  await expect.poll(decided, SOON).toBeGreaterThan(before);
  const newest = await rows.first().innerText();
  expect(newest).toMatch(/placement|shares|kept/);
});

test("who sends to whom is there for who opens it, and which experts steps read", async () => {
  await page.getByText("All-to-all: who sends to whom").click();
  const canvas = page.locator(".pairs canvas");
  await canvas.waitFor(SOON);
  expect(await canvas.getAttribute("width")).toBe("32");
  await expect.poll(() => canvas.evaluate(distinctColours), SOON).toBeGreaterThan(2);
  const panel = page.locator(".exchange");
  expect(await panel.innerText()).toMatch(/\d\.\d\d node hops per token/);
  expect(await panel.getByTestId("node-traffic").count()).toBe(4);
  await page.getByText("All-to-all: who sends to whom").click();
  await page.getByRole("radio", { name: "Activated experts" }).check();
  await page.getByText(/a step reads \d\.\d of 9 experts in a layer/).waitFor(SOON);
  await page.getByRole("radio", { name: "Load", exact: true }).check();
});

test("servers and tenants are there for who opens them", async () => {
  expect(await page.getByTestId("shard-row").count()).toBe(0);
  await page.getByText("Servers and tenants").click();
  await expect.poll(() => page.getByTestId("shard-row").count(), SOON).toBe(32);
  expect(await page.getByTestId("shard-row").first().innerText()).toContain("ready");
  expect(await page.getByTestId("tenant-row").count()).toBeGreaterThan(0);
  await page.getByText("Servers and tenants").click();
});

test("keys read single experts", async () => {
  await page.locator(".heat-map-cells").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  expect(await page.locator(".heat-map .tip").innerText()).toMatch(
    /^layer 4, expert 255, \d+\.\d\d×(?: \(forecast \d+\.\d\d×\))?, [\d,]+ tokens\/s · \d+ replicas?: GPU \d+/,
  );
  await page.keyboard.press("Escape");
  expect(await page.locator(".heat-map .tip").count()).toBe(0);
});

test("what is done to the simulated pool is done and shown, by keys and by mouse", async () => {
  const panel = page.getByRole("region", { name: "Simulated pool" });
  const said = () => panel.getByRole("status").innerText();
  await expect.poll(said, SOON).toBe("Traffic ×1.0");
  await panel.getByText("few.jsonl").waitFor(SOON);
  await panel.getByRole("button", { name: "Pause" }).click();
  await expect.poll(said, SOON).toBe("Traffic ×1.0, paused: nothing arrives");
  await panel.getByRole("button", { name: "Go on" }).click();
  await expect.poll(said, SOON).toBe("Traffic ×1.0");
  await panel.getByRole("button", { name: "Less traffic" }).focus();
  await page.keyboard.press("Enter");
  await expect.poll(said, SOON).toBe("Traffic ×0.9");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await expect.poll(said, SOON).toBe("Traffic ×1.0");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect.poll(said, SOON).toBe("Traffic ×1.0 · shifted once");
  await panel.getByLabel("GPU to stop or start").selectOption("7");
  await panel.getByRole("button", { name: "Stop GPU 7" }).click();
  await expect.poll(said, SOON).toBe("Traffic ×1.0 · shifted once · GPU 7 stopped");
  expect(await page.locator(".gpu.lost").count()).toBe(1);
  await page.getByRole("alert").getByText("1 of 32 ranks lost: 7 (silent).").waitFor(SOON);
  // A page that is opened later knows it, too.
  await page.reload();
  await panel.waitFor(SOON);
  expect(await said()).toBe("Traffic ×1.0 · shifted once · GPU 7 stopped");
  // What was lost is in the store.
  const loss = page.getByTestId("decision-row").filter({ hasText: "loss" }).getByRole("button").first();
  await loss.click();
  await page.getByText("emptied 522", { exact: true }).waitFor(SOON);
  await loss.click();
  expect(await page.getByText("emptied 522", { exact: true }).count()).toBe(0);
  await panel.getByLabel("GPU to stop or start").selectOption("7");
  await panel.getByRole("button", { name: "Start GPU 7" }).click();
  await expect.poll(said, SOON).toBe("Traffic ×1.0 · shifted once");
  await expect.poll(() => page.locator(".gpu.lost").count(), SOON).toBe(0);
});

/** Whether it is there within the time that a past moment takes to be fetched. */
async function isShown(locator: Locator): Promise<boolean> {
  return await locator.waitFor({ timeout: 5000 }).then(
    () => true,
    () => false,
  );
}

test("a moment that is past is chosen by keys, shown, and held by the link", async () => {
  const hour = page.locator(".figure", { hasText: "Tokens per second" }).getByText("1 h:");
  await expect.poll(() => hour.innerText(), SOON).toMatch(/^1 h: [\d,]+$/);
  const panel = page.getByRole("region", { name: "Over time", exact: true });
  await panel.getByRole("slider").focus();
  for (let i = 0; i < 2; i++) await page.keyboard.press("ArrowLeft");
  expect(new URL(page.url()).hash).toMatch(/^#at=20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  await page.reload();
  const then = page.getByRole("region", { name: "Key figures of then" });
  await then.waitFor(SOON);
  expect(
    await then.locator(".figure", { hasText: "Tokens per second" }).locator(".value").innerText(),
  ).toMatch(/^[\d,]+$/);
  await page.getByText("then: 10 seconds from").waitFor(SOON);
  expect(await page.getByTestId("gpu").count()).toBe(32);
  await page.getByText("Steps waited most for GPU").waitFor(SOON);
  // A busy machine leaves ten seconds without a report, of which the page has no experts: up to a minute before has some.
  const heaviest = page.locator(".why .expert").first();
  for (let back = 0; back < 6 && !(await isShown(heaviest)); back++) {
    await panel.getByRole("slider").focus();
    await page.keyboard.press("ArrowLeft");
  }
  await heaviest.waitFor(SOON);
  await panel.getByRole("radio", { name: "1 hour" }).check();
  await panel.locator("canvas").waitFor(SOON);
  const saved = async (name: string): Promise<string> => {
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      panel.getByRole("button", { name, exact: true }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(
      new RegExp(`^plimsoll-demo-1h-[\\dT-]+Z\\.${name.toLowerCase()}$`),
    );
    return readFile(await file.path(), "latin1");
  };
  expect(await saved("CSV")).toMatch(/^time_utc,.*\n20\d\d-/);
  expect((await saved("PNG")).slice(1, 4)).toBe("PNG");
  await page.getByRole("button", { name: "Back to now" }).click();
  await expect.poll(() => page.getByTestId("gpu").count(), SOON).toBe(32);
  expect(new URL(page.url()).hash).toBe("#range=1h");
  await panel.getByRole("radio", { name: "5 minutes" }).check();
});

test("nothing went wrong in the browser", () => {
  expect(complaints).toEqual([]);
});

test("a lost gateway is told, and found again by itself", async () => {
  demo.kill("SIGKILL");
  await page.getByText("Disconnected", { exact: true }).waitFor(SOON);
  await page.getByRole("alert").getByText("Connection to the gateway lost").waitFor(SOON);
  ({ demo } = await startDemo(new URL(url).port, await hardlyAnyTraffic()));
  await page.getByText("Live", { exact: true }).waitFor(SOON);
  expect(await page.getByText("Connection to the gateway lost").count()).toBe(0);
  await page.close();
});

test("a page of another origin gets nothing of the gateway", async () => {
  const other = await context.newPage();
  const statuses = new Map<string, number>();
  other.on("response", (response) => statuses.set(new URL(response.url()).pathname, response.status()));
  const named = new URL(url);
  named.hostname = "localhost";
  await other.goto(named.href);
  await other.getByText("Live", { exact: true }).waitFor(SOON);
  const post = `fetch("${url}admin/pools/demo/pause", { method: "POST", mode: "no-cors", body: "" })`;
  const get = `fetch("${url}metrics", { mode: "no-cors" })`;
  await other.evaluate(`Promise.all([${post}, ${get}]).then(() => null)`);
  await expect.poll(() => [...statuses].filter(([, status]) => status === 403).length, SOON).toBe(2);
  expect(statuses.get("/ep/v1/events")).toBe(200);
  await other.close();
});

test("a gateway with a key is looked at by those who have it", async () => {
  const key = "a key of operators";
  const environment = { PLIMSOLL_HTTP_OPERATOR_KEY_ENV: "DEMO_KEY", DEMO_KEY: key };
  const keyed = await startDemo("0", [...SMALL, ...(await hardlyAnyTraffic())], environment);
  try {
    const other = await context.newPage();
    await other.goto(keyed.url);
    const field = other.getByLabel("The gateway wants its operator key.");
    await field.fill("wrong");
    await field.press("Enter");
    const again = other.getByLabel("This is not the gateway's operator key.");
    await again.fill(key);
    await again.press("Enter");
    await other.getByText("Live", { exact: true }).waitFor(SOON);
    // For as long as the tab is open.
    await other.reload();
    await other.getByText("Live", { exact: true }).waitFor(SOON);
    expect(await other.getByLabel("operator key").count()).toBe(0);
    const panel = other.getByRole("region", { name: "Simulated pool" });
    await panel.getByRole("button", { name: "Shift the traffic" }).click();
    await expect.poll(() => panel.getByRole("status").innerText(), SOON).toContain("shifted once");
    const at = panel.getByRole("slider", { name: "Time of the trace" });
    await at.focus();
    await other.keyboard.press("PageUp");
    await expect.poll(async () => Number(await at.inputValue()), SOON).toBeGreaterThan(20_000);
    await panel.getByLabel("Speed of the trace").selectOption("time ×5");
    const state = async () =>
      (await (
        await fetch(`${keyed.url}admin/pools/demo/simulation`, {
          headers: { authorization: `Bearer ${key}` },
        })
      ).json()) as {
        readonly traffic: { readonly trace: { readonly atMs: number; readonly speed: number } };
      };
    await expect.poll(async () => (await state()).traffic.trace.speed, SOON).toBe(5);
    expect((await state()).traffic.trace.atMs).toBeGreaterThan(20_000);
    await other.close();
  } finally {
    keyed.demo.kill("SIGKILL");
  }
});

/** Where it only matters that the gateway is there. */
const hardlyAnyTraffic = () => traffic("calm.jsonl", [0, 299_000], 20, 2);

/** Enough for figures to move: the pool's steps take the machine's time, not the page's. */
const fewRequests = () =>
  traffic(
    "few.jsonl",
    Array.from({ length: 3000 }, (_, i) => 100 * i),
    400,
    5,
  );

async function traffic(
  name: string,
  arrivals: readonly number[],
  promptTokens: number,
  answerTokens: number,
): Promise<string[]> {
  const lines = arrivals.map((timestamp) =>
    JSON.stringify({ timestamp, input_length: promptTokens, output_length: answerTokens, hash_ids: [0] }),
  );
  return ["--trace", await folder.write(name, lines.join("\n"))];
}

/** The real demo in a process of its own; resolves when it says where its dashboard is. */
async function startDemo(
  port: string,
  flags: readonly string[] = [],
  environment: Record<string, string> = {},
): Promise<{ demo: ChildProcessWithoutNullStreams; url: string }> {
  const child = startCliWith(environment, "demo", "--duration", "300", "--port", port, "--json", ...flags);
  child.stdout.resume();
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const found = /dashboard (http:\/\/\S+)/.exec(line);
    if (found) {
      child.stderr.resume();
      return { demo: child, url: found[1] };
    }
  }
  throw new Error(`the demo ended without naming its dashboard:\n${said.join("\n")}`);
}

function distinctColours(element: unknown): number {
  const canvas = element as { width: number; height: number; getContext(kind: "2d"): Pixels };
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}

interface Pixels {
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

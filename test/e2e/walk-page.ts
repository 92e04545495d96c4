import type { ElementHandle, Page, Request } from "playwright-core";

/** Far more than there are: a walk that finds ever new ones has lost its way. */
const MOST = 400;
const ANSWER_MS = 20;

/**
 * The next thing on the page that a person can use and that was not used yet, and what it is called. Things of one place
 * that differ by numbers alone (the experts of a GPU) are one.
 */
const NEXT = `((used) => {
  const all = "summary, button:enabled, input:enabled, select:enabled, [tabindex='0']";
  const name = (element) => {
    const panel = element.closest(".panel")?.querySelector("h2, summary")?.textContent ?? "page";
    const label = element.closest("[aria-label]:not(button, input, select)")?.getAttribute("aria-label") ?? "";
    const own = element.getAttribute("aria-label") ?? element.closest("label")?.textContent ?? element.textContent;
    return [panel, label.slice(0, 60), element.localName, own.slice(0, 60)].join(" / ").replaceAll(/\\d[\\d.,:]*/g, "0");
  };
  for (const element of document.querySelectorAll(all)) {
    if (element.getClientRects().length === 0 || used.includes(name(element))) continue;
    return { element, name: name(element) };
  }
  return null;
})`;

/** Uses all that can be opened, pressed, chosen, filled in or read by keys, also what comes into sight by that. @returns what that was */
export async function walkPage(page: Page): Promise<string[]> {
  const used: string[] = [];
  const asked = new Set<Request>();
  page.on("request", (request) => request.url().endsWith("/events") || asked.add(request));
  for (const end of ["requestfinished", "requestfailed"] as const)
    page.on(end as "requestfinished", (request) => asked.delete(request));
  let tries = 0;
  while (used.length < MOST) {
    const found = await page.evaluateHandle(`${NEXT}(${JSON.stringify(used)})`);
    const name = await found.evaluate<string | null, { name: string } | null>((next) => next?.name ?? null);
    if (name === null && asked.size === 0) return used;
    if (name === null) {
      // What it asks the gateway for may bring more.
      await page.waitForTimeout(ANSWER_MS);
      continue;
    }
    const element = (await found.getProperty("element")).asElement() as ElementHandle;
    try {
      await use(page, element);
      used.push(name);
    } catch (error) {
      // It was drawn anew meanwhile: the next look finds it again.
      if (tries++ > MOST || !String(error).includes("not attached")) throw error;
    }
    await found.dispose();
  }
  throw new Error(`the page has ever more to use: ${used.slice(-5).join("; ")}`);
}

async function use(page: Page, element: ElementHandle): Promise<void> {
  const kind = await element.evaluate<string, Control>((one) => one.type ?? one.localName);
  if (kind === "select-one") {
    const values = await element.evaluate<string[], Control>((one) =>
      [...(one.options ?? [])].map(({ value }) => value),
    );
    for (const value of new Set([values.at(-1), values[0]]))
      if (value !== undefined) await element.selectOption(value);
  } else if (kind === "number" || kind === "text") {
    await element.fill("250");
  } else if (kind === "summary" || kind === "submit" || kind === "button" || kind === "radio") {
    await element.evaluate<void, Control>((one) => one.click());
  } else {
    await element.focus();
    for (const key of ["ArrowRight", "ArrowDown", "End", "Enter", "Escape"]) await page.keyboard.press(key);
  }
}

/** Of an element of the page, what is asked of it. */
interface Control {
  readonly localName: string;
  readonly type?: string;
  readonly options?: Iterable<{ readonly value: string }>;
  click(): void;
}

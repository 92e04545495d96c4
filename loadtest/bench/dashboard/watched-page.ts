import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, CDPSession, Page } from "playwright-core";
import { RECORDER, type Recorded } from "./recorder.ts";

const LOOKS = 4;
const LOOK_EVERY_MS = 1000;

/** What a page did over some time. */
export interface Watched extends Recorded {
  readonly seconds: number;
  /** Processor time of the page's main thread: all its tasks, and of these script, style and layout; milliseconds. */
  readonly taskMs: number;
  readonly scriptMs: number;
  readonly layoutMs: number;
  /** Of all the browser's processes, seconds. */
  readonly cpuSeconds: number;
  /** Of all answers and events: as they came, and decompressed. */
  readonly wireBytes: number;
  readonly plainBytes: number;
}

export interface PageMemory {
  /** After collections; objects of JavaScript, without what lies outside of its heap. */
  readonly heapBytes: number;
  readonly nodes: number;
  readonly listeners: number;
}

/** A page of the dashboard whose frames, tasks, processor time and memory are measured. */
export class WatchedPage implements AsyncDisposable {
  readonly page: Page;
  readonly #session: CDPSession;
  readonly #whole: CDPSession;
  #wireBytes = 0;
  #plainBytes = 0;

  private constructor(page: Page, session: CDPSession, whole: CDPSession) {
    this.page = page;
    this.#session = session;
    this.#whole = whole;
    session.on("Network.dataReceived", ({ dataLength, encodedDataLength }) => {
      this.#plainBytes += dataLength;
      this.#wireBytes += encodedDataLength;
    });
  }

  /** In a window of its own, whose cache is empty. */
  static async open(browser: Browser): Promise<WatchedPage> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    await page.addInitScript(RECORDER);
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    await session.send("Network.enable");
    return new WatchedPage(page, session, await browser.newBrowserCDPSession());
  }

  async goto(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.locator(".heat-map canvas").waitFor();
    await this.page.locator(".history canvas").first().waitFor();
  }

  async during(action: () => Promise<void>): Promise<Watched> {
    await this.page.evaluate("recorder.begin()");
    const before = await this.#counters();
    const from = performance.now();
    await action();
    const seconds = (performance.now() - from) / 1000;
    const after = await this.#counters();
    const recorded = await this.page.evaluate<Recorded>("recorder.end()");
    const passed = (name: keyof Counters) => after[name] - before[name];
    return {
      ...recorded,
      seconds,
      taskMs: passed("taskMs"),
      scriptMs: passed("scriptMs"),
      layoutMs: passed("layoutMs"),
      cpuSeconds: passed("cpuSeconds"),
      wireBytes: passed("wireBytes"),
      plainBytes: passed("plainBytes"),
    };
  }

  /** The least of a few looks: a collection leaves what a task that runs still holds. */
  async memory(): Promise<PageMemory> {
    const looks: PageMemory[] = [];
    for (let look = 0; look < LOOKS; look++) {
      await sleep(LOOK_EVERY_MS);
      await this.#session.send("HeapProfiler.collectGarbage");
      const { usedSize } = await this.#session.send("Runtime.getHeapUsage");
      const { nodes, jsEventListeners } = await this.#session.send("Memory.getDOMCounters");
      looks.push({ heapBytes: usedSize, nodes, listeners: jsEventListeners });
    }
    return looks.reduce((least, one) => (one.heapBytes < least.heapBytes ? one : least));
  }

  async #counters(): Promise<Counters> {
    const { metrics } = await this.#session.send("Performance.getMetrics");
    const ms = (name: string) => 1000 * (metrics.find((one) => one.name === name)?.value ?? 0);
    const { processInfo } = await this.#whole.send("SystemInfo.getProcessInfo");
    return {
      taskMs: ms("TaskDuration"),
      scriptMs: ms("ScriptDuration"),
      layoutMs: ms("LayoutDuration") + ms("RecalcStyleDuration"),
      cpuSeconds: processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0),
      wireBytes: this.#wireBytes,
      plainBytes: this.#plainBytes,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}

type Counters = Omit<Watched, keyof Recorded | "seconds">;

import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pageClock } from "../../src/dashboard/live/page-clock.ts";
import type { Message } from "../../src/dashboard/live/state.ts";
import { follow } from "../../src/dashboard/live/stream.ts";
import { patiently } from "../patiently.ts";

let server: ReturnType<typeof createServer>;
let url: string;
/** Each a connection; answered by nobody but the test. */
let answers: ServerResponse[];
let said: string[];
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  answers = [];
  said = [];
  server = createServer((_request, response) => answers.push(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(() => {
  vi.useRealTimers();
  server.closeAllConnections();
  server.close();
});

const note = (message: Message) => said.push(message.type === "connection" ? message.value : message.type);

const expectOpened = (count: number) => expect.poll(() => answers.length, patiently).toBe(count);
const expectHeard = (...words: readonly string[]) => expect.poll(() => said, patiently).toEqual(words);

test("a connection that says nothing any more is given up, and another is opened", async () => {
  const stop = follow(url, null, note);
  await expectOpened(1);
  answers[0].write("event: gateway\ndata: {}\n\n");
  await expectHeard("gateway");
  vi.advanceTimersByTime(5000);
  await expectHeard("gateway", "silent");
  vi.advanceTimersByTime(15_000);
  await expectHeard("gateway", "silent", "lost");
  vi.advanceTimersByTime(2000);
  await expectOpened(2);
  stop();
});

test("a gateway that takes connections and answers none is asked again", async () => {
  const stop = follow(url, null, note);
  await expectOpened(1);
  vi.advanceTimersByTime(20_000);
  await expectHeard("lost");
  vi.advanceTimersByTime(2000);
  await expectOpened(2);
  stop();
});

test("what is stopped keeps no connection, and tries no other", async () => {
  const stop = follow(url, null, note);
  await expectOpened(1);
  answers[0].write("event: gateway\ndata: {}\n\n");
  await expectHeard("gateway");
  stop();
  await expect.poll(() => answers[0].destroyed, patiently).toBe(true);
  vi.advanceTimersByTime(60_000);
  expect([answers.length, said]).toEqual([1, ["gateway"]]);
});

test("the page's clock goes on through sleep, and never goes back when a clock is set", () => {
  let [wall, steady] = [50_000, 7];
  const now = pageClock(
    () => wall,
    () => steady,
  );
  const pass = (wallMs: number, steadyMs: number) => {
    wall += wallMs;
    steady += steadyMs;
    return now();
  };
  expect(now()).toBe(50_000);
  expect(pass(1000, 1000)).toBe(51_000);
  expect(pass(-600_000, 1000)).toBe(52_000);
  expect(pass(3_600_000, 20)).toBe(3_652_000);
  // Clocks that tick at other times add nothing.
  for (let i = 0; i < 100; i++) pass(i % 2, 0.5);
  expect(now()).toBe(3_652_050);
});

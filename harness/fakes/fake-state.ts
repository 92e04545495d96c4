import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";

/** What a test sets with `POST /fake/state`; what it leaves out stays as it was. */
export interface FakeState {
  /** Status of `/health`. */
  health: number;
  /** Status by path, of paths that answer otherwise than they should; 0 where no answer ever comes. */
  status: Record<string, number>;
  /** What ranks carry, by rank: over what was recorded. */
  ranks: { running: number; waiting: number; kvUse: number }[];
  /** Turns of text: each `[from, to]` is replaced everywhere in what the engine reports of its load. */
  turned: [string, string][];
}

export const state: FakeState = {
  health: 200,
  status: {},
  ranks: [0, 1].map(() => ({ running: 0, waiting: 0, kvUse: 0 })),
  turned: [],
};

export function recorded(file: string): string {
  return readFileSync(new URL(`recorded/${file}`, import.meta.url), "utf8");
}

/** Answers what every fake does alike. @returns whether it did */
export function answeredByState(request: IncomingMessage, body: Buffer, response: ServerResponse): boolean {
  const path = request.url?.split("?", 1)[0] ?? "";
  if (path === "/fake/state") {
    Object.assign(state, JSON.parse(body.toString()) as Partial<FakeState>);
    response.end();
    return true;
  }
  const status = state.status[path] ?? (path === "/health" ? state.health : 200);
  if (status === 200 && path !== "/health") return false;
  if (status !== 0) response.writeHead(status).end();
  return true;
}

/** Ends with a text about the engine's load, turned as the state says. */
export function reply(response: ServerResponse, text: string): void {
  const turned = state.turned.reduce((replaced, [from, to]) => replaced.replaceAll(from, to), text);
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(turned);
}

/** Sets the values of a metric, by a label's value. @param label null for a metric with one series */
export function withMetric(
  text: string,
  name: string,
  label: string | null,
  values: readonly number[],
): string {
  return values.reduce((replaced, value, rank) => {
    const series = label === null ? "[^}]*" : `[^}]*${label}="${rank}"[^}]*`;
    return replaced.replace(new RegExp(`^(${name}\\{${series}\\}) .*$`, "m"), `$1 ${value}`);
  }, text);
}

import type { Figures } from "./figures.ts";
import type { Percentiles } from "./percentiles.ts";

/** What is measured beside each other: a program that plays a trace against a server and leaves files. */
export interface LoadTool {
  readonly name: string;
  /** What it is and what it runs with, for the notes. */
  readonly about: string;
  readonly percentiles: Percentiles;
  /** What starts it. */
  command(order: ToolOrder): ToolCommand;
  /** What its own files say. @throws Error where they do not say it */
  read(folder: string): Promise<ToolReport>;
}

export interface ToolOrder {
  readonly trace: string;
  readonly url: string;
  /** Where its files go. It is there, and empty. */
  readonly folder: string;
}

export interface ToolCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface ToolReport {
  readonly figures: Figures;
  readonly completed: number;
  readonly failed: number;
  /** Why its figures are not to be believed, by itself. */
  readonly doubts: readonly string[];
  readonly seen: readonly SeenRequest[];
}

/** A request that completed, as the tool saw it; milliseconds. */
export interface SeenRequest {
  /** The `x-request-id` it was sent with. */
  readonly requestId: string;
  /** From the send. */
  readonly ttftMs: number;
  readonly gapsMs: readonly number[];
}

import { printable } from "../lib/printable.ts";

/** Where progress is shown: standard error, or a test's. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface Phase {
  readonly label: string;
  readonly weight: number;
  readonly beganAt: number;
}

const LINE_EVERY_MS = 5000;
const DRAW_EVERY_MS = 100;
const CELLS = 20;
const USUAL_COLUMNS = 80;
/** Below that there is no bar, only words. */
const NARROW = 60;
const CLEAR = "\r\u001b[K";

/**
 * How far several phases are, and how long they will take: one line redrawn on a terminal, else a line every five
 * seconds. A phase goes on as fast as it has gone so far; phases to come take what those before took, by weight.
 */
export class ProgressBar {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #beganAt: number;
  /** Weights of the phases to come, and of those that are over. */
  #ahead: number;
  #behind = 0;
  #phase: Phase;
  #saidAt: number;
  /** What was shown never shrinks, whatever is learned of the time to come. */
  #shown = 0;

  /** @param total of the weights of all phases */
  constructor(stream: ProgressStream, total: number, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
    this.#beganAt = now();
    this.#saidAt = this.#beganAt;
    this.#ahead = total;
    this.#phase = { label: "", weight: 0, beganAt: this.#beganAt };
  }

  /** The one before is over. */
  begin(label: string, weight: number): void {
    this.#behind += this.#phase.weight;
    this.#ahead -= weight;
    this.#phase = { label, weight, beganAt: this.#now() };
  }

  /** @param part of the phase that is done, 0..1 */
  update(part: number): void {
    const now = this.#now();
    const tty = this.#stream.isTTY === true;
    if (part <= 0 || now - this.#saidAt < (tty ? DRAW_EVERY_MS : LINE_EVERY_MS)) return;
    this.#saidAt = now;
    const { label, weight, beganAt } = this.#phase;
    const took = now - this.#beganAt;
    const leftMs =
      ((now - beganAt) * (1 - part)) / part + (took * this.#ahead) / (this.#behind + part * weight);
    this.#shown = Math.max(this.#shown, took / (took + leftMs));
    const text = printable(`${percentText(this.#shown)}  ${leftText(leftMs)}  ${label}`);
    this.#stream.write(tty ? this.#line(text) : `${text}\n`);
  }

  /** Leaves the line to others. */
  clear(): void {
    if (this.#stream.isTTY === true) this.#stream.write(CLEAR);
  }

  /** No longer than the terminal is wide: the rest would not be redrawn. A terminal of no known width says 0. */
  #line(text: string): string {
    const room = (this.#stream.columns || USUAL_COLUMNS) - 1;
    const cells = room < NARROW ? 0 : CELLS;
    const full = Math.round(this.#shown * cells);
    const bar = "█".repeat(full) + "░".repeat(cells - full);
    return `${CLEAR}${`${bar} ${text}`.trimStart().slice(0, room)}`;
  }
}

function percentText(whole: number): string {
  return `${Math.floor(whole * 100)} %`.padStart(5);
}

function leftText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 90) return `${seconds} s left`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min left` : `${(minutes / 60).toFixed(1)} h left`;
}

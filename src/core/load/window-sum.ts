import { type ExpertLoad, emptyLoad } from "../../model/load.ts";

/** Consecutive windows added up. */
export class WindowSum {
  readonly load: ExpertLoad;
  #spanMs = 0;

  constructor(layers: number, experts: number) {
    this.load = emptyLoad(layers, experts);
  }

  get spanMs(): number {
    return this.#spanMs;
  }

  add(window: ExpertLoad, spanMs: number): void {
    const { tokens } = this.load;
    for (let i = 0; i < tokens.length; i++) tokens[i] += window.tokens[i];
    this.#spanMs += spanMs;
  }

  clear(): void {
    this.load.tokens.fill(0);
    this.#spanMs = 0;
  }
}

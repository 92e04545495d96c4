import type { ReadStream } from "node:tty";

const CTRL_C = "\u0003";
const CTRL_BACKSLASH = "\u001c";
const CTRL_Z = "\u001a";
/** Arrows and the like arrive as several characters that begin with it. */
const ESCAPE = "\u001b";

type Keyboard = Pick<ReadStream, "isTTY" | "setRawMode" | "setEncoding" | "resume" | "pause" | "on" | "off">;

export interface TerminalKeysOptions {
  readonly keyboard: Keyboard;
  /** Whether the keyboard's keys are for this process now. */
  readonly inForeground: () => boolean;
  /** Receives what a terminal makes of Ctrl-C, Ctrl-\ and Ctrl-Z, which it makes nothing of while keys are read. */
  readonly signal: (name: "SIGINT" | "SIGQUIT" | "SIGTSTP") => void;
  readonly onKey: (key: string) => void;
}

/** Reads single keys of a terminal until it is closed, and leaves the terminal as it was. */
export class TerminalKeys {
  readonly #options: TerminalKeysOptions;
  #reads = false;
  readonly #onData = (text: string): void => {
    if (text.startsWith(ESCAPE)) return;
    for (const key of text) this.#press(key);
  };
  readonly #begin = (): void => {
    const { keyboard, inForeground } = this.#options;
    if (this.#reads || !inForeground()) return;
    this.#reads = true;
    keyboard.setRawMode(true);
    keyboard.setEncoding("utf8");
    keyboard.on("data", this.#onData);
    keyboard.resume();
  };
  readonly #end = (): void => {
    if (!this.#reads) return;
    this.#reads = false;
    const { keyboard } = this.#options;
    keyboard.off("data", this.#onData);
    keyboard.pause();
    keyboard.setRawMode(false);
  };

  /** Null where there is no terminal, or its keys are for others. */
  static open(options: TerminalKeysOptions): TerminalKeys | null {
    if (!options.keyboard.isTTY || !options.inForeground()) return null;
    return new TerminalKeys(options);
  }

  private constructor(options: TerminalKeysOptions) {
    this.#options = options;
    // Whatever ends the process, and when it goes on after Ctrl-Z.
    process.on("exit", this.#end).on("SIGCONT", this.#begin);
    this.#begin();
  }

  close(): void {
    process.off("exit", this.#end).off("SIGCONT", this.#begin);
    this.#end();
  }

  #press(key: string): void {
    const { signal, onKey } = this.#options;
    switch (key) {
      case CTRL_C:
        return signal("SIGINT");
      case CTRL_BACKSLASH:
        this.#end();
        return signal("SIGQUIT");
      case CTRL_Z:
        this.#end();
        return signal("SIGTSTP");
      default:
        onKey(key);
    }
  }
}

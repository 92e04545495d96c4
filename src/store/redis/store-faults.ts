import { oneLine } from "../../lib/printable.ts";

/** What keeps a server from writing, whatever is written. */
const NO_WRITES = /\b(?:OOM|READONLY|MISCONF|NOREPLICAS)\b/;
/** What keeps it from answering anything. */
const NO_ANSWERS = /\b(?:NOAUTH|WRONGPASS|LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN)\b/;
/** What a script's error ends with, which says nothing to those who did not write it. */
const SCRIPT = /\s*script: \w+, on @user_script:\d+\.?$/;

/** In this order one is shown: while a server takes no writes, connections to it come and go. */
const WRITES = "writes";
const ANSWERS = "answers";
const CONNECTION = "connection";

/**
 * What is wrong with a server now, each until it is known to be over: one command may be refused while others work. The
 * reason that is shown changes only when what is wrong does.
 */
export class StoreFaults {
  readonly #secrets: readonly string[];
  readonly #faults = new Map<string, string>();
  readonly #listeners = new Set<(fault: string | null) => void>();
  /** Of the connection's fault. */
  #code: string | null = null;
  #shown: string | null = "has not been reached yet";

  /** @param secrets what is shown to nobody */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.filter((secret) => secret !== "");
  }

  get fault(): string | null {
    return this.#shown;
  }

  onFault(listener: (fault: string | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * There is no connection.
   * @param code of what is certain, e.g. that nobody listens; null where a connection ended, and nobody knows why. While
   * nothing else becomes certain, the reason shown stays: a cluster's nodes are tried in turn
   */
  disconnected(reason: string, code: string | null): string {
    if (code !== null) {
      this.#faults.delete(WRITES);
      this.#faults.delete(ANSWERS);
    }
    const text = this.#text("does not answer", reason);
    if (!this.#faults.has(CONNECTION) || (code !== null && code !== this.#code)) {
      this.#code = code;
      this.#faults.set(CONNECTION, text);
    }
    this.#show();
    return text;
  }

  connected(): void {
    this.#faults.delete(CONNECTION);
    this.#show();
  }

  /** It answered a command with an error. @returns what is wrong */
  refused(command: string, reason: string): string {
    const why = reason.replace(SCRIPT, "");
    if (NO_WRITES.test(why)) return this.#set(WRITES, "takes no writes", why);
    if (NO_ANSWERS.test(why)) return this.#set(ANSWERS, "does not answer", why);
    return this.#set(command, `refuses \`${command}\``, why);
  }

  /** It did what a command asked. @param wrote whether that shows that it takes writes */
  done(command: string, wrote: boolean): void {
    this.#faults.delete(ANSWERS);
    this.#faults.delete(command);
    if (wrote) this.#faults.delete(WRITES);
    this.#show();
  }

  #set(what: string, fault: string, reason: string): string {
    const text = this.#text(fault, reason);
    this.#faults.set(what, text);
    this.#show();
    return text;
  }

  #text(fault: string, reason: string): string {
    const hidden = this.#secrets.reduce((text, secret) => text.replaceAll(secret, "***"), reason);
    return `${fault}: ${oneLine(hidden)}`;
  }

  #show(): void {
    const first = [WRITES, ANSWERS, CONNECTION, ...this.#faults.keys()].find((what) =>
      this.#faults.has(what),
    );
    const shown = first === undefined ? null : (this.#faults.get(first) ?? null);
    if (shown === this.#shown) return;
    this.#shown = shown;
    for (const listener of this.#listeners) listener(shown);
  }
}

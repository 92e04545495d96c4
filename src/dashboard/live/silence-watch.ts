/** How long a reader of the gateway's events waits, milliseconds. */
export interface Waits {
  /** The server speaks once a second; so long a silence is worth saying. */
  readonly silence: number;
  /** A connection that says nothing for so long is given up, also while it is opened: what was between is gone. */
  readonly dead: number;
  readonly retry: number;
}

export const WAITS: Waits = { silence: 5000, dead: 20_000, retry: 2000 };

/** Watches one connection. */
export interface SilenceWatch {
  readonly dead: AbortSignal;
  /** Both waits begin again; before the first time only that for `dead` runs. */
  heard(): void;
  end(): void;
}

/** @param silent called each time that it has become so */
export function silenceWatch(waits: Waits, silent: () => void): SilenceWatch {
  const dead = new AbortController();
  const late = () => setTimeout(() => dead.abort(new Error("it says nothing")), waits.dead);
  const quiet = () => setTimeout(silent, waits.silence);
  let [death, silence]: (ReturnType<typeof late> | undefined)[] = [late(), undefined];
  const end = () => {
    clearTimeout(death);
    clearTimeout(silence);
  };
  const heard = () => {
    end();
    death = late();
    silence = quiet();
  };
  return { dead: dead.signal, heard, end };
}

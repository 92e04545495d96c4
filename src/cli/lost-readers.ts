/** What writing fails with where a pipe's reader, or a terminal, is gone. */
const GONE: ReadonlySet<string | undefined> = new Set(["EPIPE", "EIO", "ECONNRESET"]);

/** Whoever reads what a command says may leave: the command goes on to its end. */
export function bearLostReaders(streams: readonly NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (!GONE.has(error.code)) throw error;
    });
  }
}

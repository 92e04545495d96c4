import type { CapturedFile, CapturedLine } from "./captured-file.ts";

interface Ahead {
  readonly line: CapturedLine;
  readonly from: CapturedFile;
}

/** The lines of several files in order of time: one of each is held. Those of one time in the order of the files. */
export async function* mergeCaptured(files: readonly CapturedFile[]): AsyncGenerator<CapturedLine, void> {
  /** The latest first. */
  const ahead: Ahead[] = [];
  const place = new Map(files.map((file, i) => [file, i]));
  const isLater = (a: Ahead, b: Ahead) =>
    a.line.atMs === b.line.atMs
      ? (place.get(a.from) as number) > (place.get(b.from) as number)
      : a.line.atMs > b.line.atMs;
  const advance = async (from: CapturedFile) => {
    const next = await from.lines.next();
    if (next.done === true) return;
    const one = { line: next.value, from };
    let [low, high] = [0, ahead.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isLater(ahead[middle], one)) low = middle + 1;
      else high = middle;
    }
    ahead.splice(low, 0, one);
  };
  for (const file of files) await advance(file);
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    yield next.line;
    await advance(next.from);
  }
}

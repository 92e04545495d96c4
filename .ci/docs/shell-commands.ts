/** The commands of a block of shell, each as its words: without comments, redirections and what pipes go to. */
export function shellCommands(code: string): string[][] {
  return code
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => wordsOf(line))
    .filter((words) => words.length > 0);
}

const WORD = /'([^']*)'|"([^"]*)"|(\S+)/g;

function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, single, double, bare = ""] of line.trim().matchAll(WORD)) {
    if (/^(?:[#|&;]|\d?[<>])/.test(bare)) break;
    words.push(single ?? double ?? bare);
  }
  return words;
}

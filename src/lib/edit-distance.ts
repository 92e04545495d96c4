const LONGEST = 80;

/** Letters to change, add, leave out or swap with their neighbour, to make one word the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last: number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, before[j - 2] + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** The known word that a person most likely meant; null where none is near. Words over 80 letters are near to none. */
export function nearestWord(word: string, known: Iterable<string>): string | null {
  return nearestWords(word, known, 1)[0] ?? null;
}

/** The same for several words, the nearest first. @param most so many */
export function nearestWords(word: string, known: Iterable<string>, most: number): readonly string[] {
  if (word.length > LONGEST) return [];
  const farthest = Math.max(1, Math.floor(word.length / 4));
  const near: { readonly word: string; readonly distance: number }[] = [];
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) > farthest) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= farthest) near.push({ word: candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance);
  return near.slice(0, most).map((one) => one.word);
}

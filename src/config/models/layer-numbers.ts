import { type Place, faultAt } from "../place.ts";

/** `3`, `3-60` or `1-47/2` (every second one), and several of these with commas between. */
const RANGE = /^(\d{1,9})(?:-(\d{1,9})(?:\/(\d{1,9}))?)?$/;

/** How layers are written: a list of numbers, or a text. */
export type WrittenLayers = string | readonly number[];

/**
 * Numbers of layers, ascending, each once.
 * @param count layers there are
 * @throws InputError
 */
export function readLayerNumbers(written: WrittenLayers, count: number, place: Place): readonly number[] {
  const numbers = new Set<number>();
  for (const number of typeof written === "string" ? numbersOf(written, count, place) : written) {
    if (number >= count) throw beyond(number, count, place);
    if (numbers.has(number)) throw faultAt(place, `names layer ${number} twice; expected each layer once`);
    numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

function numbersOf(text: string, count: number, place: Place): readonly number[] {
  if (text.trim() === "") return [];
  return text.split(",").flatMap((part) => {
    const match = RANGE.exec(part.trim());
    if (match === null) {
      const hint = `is ${JSON.stringify(text)}; expected layers such as [1, 3, 5], "3-60", "1-47/2" or "0-2,7"`;
      throw faultAt(place, hint);
    }
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    const step = Number(match[3] ?? 1);
    if (last < first || step === 0) {
      throw faultAt(
        place,
        `has ${part.trim()}, which is no layer; expected the lower number first, and a step of 1 or more`,
      );
    }
    if (last >= count) throw beyond(last, count, place);
    return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);
  });
}

function beyond(layer: number, count: number, place: Place) {
  return faultAt(place, `names layer ${layer}; expected numbers from 0 to ${count - 1}`);
}

/** The shortest text that names these layers: `1-47/2`. */
export function writeLayerNumbers(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    const step = (numbers[i + 1] ?? numbers[i] + 1) - numbers[i];
    let end = i + 1;
    while (end < numbers.length && numbers[end] - numbers[end - 1] === step) end++;
    // Two numbers apart make no range.
    if (step > 1 && end - i < 3) end = i + 1;
    const [first, last] = [numbers[i], numbers[end - 1]];
    parts.push(end - i === 1 ? `${first}` : step === 1 ? `${first}-${last}` : `${first}-${last}/${step}`);
    i = end;
  }
  return parts.join(",");
}

/** Control and format characters, unpaired surrogates, and what else ends a line or turns its direction. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Foreign text as one line of bounded length for a person: white space is one blank, what does not print is escaped. */
export function oneLine(text: string, most = 300): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return cut
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(UNPRINTABLE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

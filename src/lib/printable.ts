/** Control and format characters, unpaired surrogates, and what else ends a line or turns its direction. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Text of others for a terminal or a log, on one line: what would act there is shown as its escape, `\u001b`. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same in bounded length, each run of white space as one blank. */
export function oneLine(text: string, most = 300): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return printable(cut.replaceAll(/\s+/g, " ").trim());
}

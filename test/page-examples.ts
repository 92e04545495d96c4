/** A program of a page, and what the page says that it prints. */
export interface Example {
  readonly code: string;
  readonly printed: string;
}

const EXAMPLE = /```ts\n(?<code>.*?)```\n\nprints\n\n```text\n(?<printed>.*?)```/gs;

/** The examples of a page in Markdown. */
export function pageExamples(page: string): Example[] {
  return [...page.matchAll(EXAMPLE)].map(({ groups }) => ({
    code: groups?.["code"] ?? "",
    printed: groups?.["printed"] ?? "",
  }));
}

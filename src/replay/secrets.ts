/** Shorter ones are words that texts have anyway. */
const SHORTEST = 6;
/** What stands before a key in a header. */
const SCHEME = /^(?:bearer|basic|token) +/i;

/** What must not stand in a report: values of headers and of the URL's query, which servers repeat in their words. */
export function secretsOf(headers: readonly string[], url: URL): readonly string[] {
  const values = headers.filter((_, i) => i % 2 === 1);
  const keys = [
    ...values,
    ...values.map((value) => value.replace(SCHEME, "")),
    ...url.searchParams.values(),
    decodeURIComponent(url.password),
  ];
  // The longest first, so that nothing is left of one that holds another.
  return [...new Set(keys)].filter((key) => key.length >= SHORTEST).toSorted((a, b) => b.length - a.length);
}

export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, "…"), text);
}

const GENERATING = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/messages",
  "/generate",
]);

/** Whether what is asked at this path generates tokens; else there is nothing to prefill for another shard. */
export function generates(path: string): boolean {
  const query = path.indexOf("?");
  return GENERATING.has(query < 0 ? path : path.slice(0, query));
}

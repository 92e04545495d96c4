/** What routes do, by the words of the GenAI conventions (`gen_ai.operation.name`); others are no such operation. */
const OPERATIONS = new Map([
  ["/v1/chat/completions", "chat"],
  ["/v1/messages", "chat"],
  ["/v1/responses", "chat"],
  ["/v1/completions", "text_completion"],
  ["/generate", "text_completion"],
  ["/v1/embeddings", "embeddings"],
  ["/v2/embed", "embeddings"],
]);

/** @param path as the API writes it, perhaps with a query. @returns null where the conventions have none */
export function apiOperation(path: string): string | null {
  const query = path.indexOf("?");
  return OPERATIONS.get(query < 0 ? path : path.slice(0, query)) ?? null;
}

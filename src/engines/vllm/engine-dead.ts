/** What `EngineDeadError` tells clients: as of vLLM 0.33, and before (`v1/engine/exceptions.py`). */
const MESSAGES = new Set([
  "The server had an error while processing your request.",
  "EngineCore encountered an issue. See stack trace (above) for the root cause.",
]);

/**
 * Whether an error of vLLM's says that its engine has died, as all requests are told that a restart or a crash takes
 * down: `{"message": …, "type": "InternalServerError", "param": null, "code": 500}` (`error_response.py`).
 */
export function isEngineDead(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { message, type, code } = error as Readonly<Record<string, unknown>>;
  return (
    type === "InternalServerError" && code === 500 && typeof message === "string" && MESSAGES.has(message)
  );
}

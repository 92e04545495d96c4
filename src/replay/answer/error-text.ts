import { holds, type Json, object } from "./json-object.ts";

/**
 * The server's text about an error in any JSON that it sends, or null.
 * @param type the event's, "" where it has none
 */
export function errorText(body: Json, type = ""): string | null {
  // Google's API has it in a list.
  if (Array.isArray(body)) {
    const first = object(body[0]);
    return first === null ? null : errorText(first, type);
  }
  const { error } = body;
  if (typeof error === "string" && error !== "") return error;
  const inside = object(error);
  if (inside !== null) return messageOf(inside);
  if (body.object === "error" || body.type === "error" || type === "error") return messageOf(body);
  const isFlag = error === true || (typeof error === "number" && error !== 0);
  return isFlag || isBare(body) ? messageOf(body) : null;
}

/** An error that does not say it is one: words about what happened, and nothing of an answer. */
function isBare(body: Json): boolean {
  const { choices, data, usage, message, detail, errors, error, status } = body;
  if (choices !== undefined || data !== undefined || usage !== undefined) return false;
  if (typeof message === "string" && message !== "") return true;
  return holds(detail) || holds(errors) || error === "" || status === "error";
}

function messageOf(body: Json): string {
  for (const words of [body.message, body.detail, body.msg]) {
    if (typeof words === "string" && words !== "") return words;
  }
  return JSON.stringify(body);
}

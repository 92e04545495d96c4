import { type Place, faultAt } from "./place.ts";

/** What a server's URL says. */
export interface ServerUrl {
  /** As people see it, and as requests begin: without credentials, a last slash or `/v1`. */
  readonly url: string;
  /** What its user and password come to as `authorization`; null where it has none. */
  readonly authorization: string | null;
  /** It ended in `/v1`, as the base URL of OpenAI's clients does: requests bring that themselves. */
  readonly cut: boolean;
}

/**
 * Reads a server's URL. No message repeats it: it may hold a password.
 * @throws InputError
 */
export function readServerUrl(text: string, place: Place): ServerUrl {
  const { origin, pathname, username, password, search, hash } = new URL(text);
  if (search !== "" || hash !== "")
    throw faultAt(place, "has a `?` or `#`; expected a URL that ends before it");
  const path = pathname.replace(/\/+$/, "");
  const prefix = path.replace(/\/+v1$/, "");
  const authorization = username === "" && password === "" ? null : basic(username, password, place);
  return { url: origin + prefix, authorization, cut: prefix !== path };
}

/** RFC 7617, in UTF-8. */
function basic(username: string, password: string, place: Place): string {
  let user: string;
  let word: string;
  try {
    [user, word] = [decodeURIComponent(username), decodeURIComponent(password)];
  } catch {
    throw faultAt(place, "has a user or password with a `%` that begins no code; expected %25 for it");
  }
  if (user.includes(":"))
    throw faultAt(place, "has a user with a colon; expected one that basic authentication can send");
  return `Basic ${Buffer.from(`${user}:${word}`).toString("base64")}`;
}

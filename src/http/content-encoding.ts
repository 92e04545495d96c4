import type { IncomingHttpHeaders } from "node:http";
import { HttpError } from "./errors.ts";

/** What is wrong with a compressed body: nothing here unpacks one. Null for one that is as it is. */
export function encodingFault(headers: IncomingHttpHeaders): HttpError | null {
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "" || encoding.toLowerCase() === "identity") return null;
  return new HttpError(
    "unsupported_encoding",
    "The body has a content-encoding; send it uncompressed, without that header.",
  );
}

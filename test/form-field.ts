import { FormScan } from "../src/serving/request/form-field.ts";

/** The field of a form that arrives in pieces, each of so many bytes. */
export function formField(
  body: Buffer,
  contentType: string,
  name: string,
  pieceBytes = 65_536,
): string | null {
  const scan = new FormScan(contentType, name);
  // What lies behind what has come must not matter.
  for (let to = pieceBytes; to < body.length; to += pieceBytes) scan.read(Buffer.from(body.subarray(0, to)));
  scan.read(body);
  return scan.end();
}

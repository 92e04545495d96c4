import fc from "fast-check";
import { expect, test } from "vitest";
import { formField } from "../form-field.ts";
import { InvalidRequest } from "../../src/serving/refusals.ts";
import { runs } from "../runs.ts";

const seed = 13;

const field = fc.record({
  name: fc.oneof(fc.constantFrom("file", "prompt", 'a"b', "é"), fc.string({ maxLength: 8 })),
  text: fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom('\r\nname="model"\r\n\r\nx', "\r\n--", "--"),
  ),
  file: fc.boolean(),
});

test("whatever else is in a form, its model is found, and nothing is taken for it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { maxLength: 6 }),
      fc.nat(6),
      fc.option(fc.string({ maxLength: 30 })),
      async (fields, at, model) => {
        const form = new FormData();
        const others = fields.filter(({ name }) => name !== "model");
        for (const [i, { name, text, file }] of others.entries()) {
          if (i === at && model !== null) form.append("model", model);
          if (file) form.append(name, new Blob([text]), "x.bin");
          else form.append(name, text);
        }
        if (at >= others.length && model !== null) form.append("model", model);
        const request = new Request("http://x/", { method: "POST", body: form });
        const body = Buffer.from(await request.arrayBuffer());
        const found = formField(body, request.headers.get("content-type") ?? "", "model");
        // Encoding a form makes its line ends CRLF.
        expect(found).toBe(model?.replaceAll(/\r\n|\r|\n/g, "\r\n").toWellFormed() ?? null);
      },
    ),
    { seed, numRuns: runs(80) },
  );
});

test("any bytes, and any content type, are a form or refused, however they arrive", () => {
  const bytes = fc.array(
    fc.oneof(
      fc.constantFrom(
        "--b",
        "\r\n",
        "--",
        "\r\n\r\n",
        "content-disposition: form-data; name=model",
        '"',
        ";",
        "=",
        "\\",
      ),
      fc.string({ unit: "binary", maxLength: 4 }),
    ),
    { maxLength: 30 },
  );
  const type = fc.oneof(
    fc.constant("multipart/form-data; boundary=b"),
    fc.string(),
    bytes.map((pieces) => `x; ${pieces.join("")}`),
  );
  fc.assert(
    fc.property(bytes, type, fc.integer({ min: 1, max: 40 }), (pieces, contentType, pieceBytes) => {
      const found = (size: number): string | null => {
        try {
          return formField(Buffer.from(pieces.join("")), contentType, "model", size);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRequest);
          return "refused";
        }
      };
      expect(found(pieceBytes)).toBe(found(1000));
    }),
    { seed, numRuns: runs(800) },
  );
});

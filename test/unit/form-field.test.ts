import { describe, expect, test } from "vitest";
import { isForm } from "../../src/serving/request/form-field.ts";
import { formField } from "../form-field.ts";
import { InvalidRequest } from "../../src/serving/refusals.ts";

const TYPE = "multipart/form-data; boundary=b";

function model(body: string | Buffer, type = TYPE): string | null {
  return formField(Buffer.from(body as string), type, "model");
}

/** A part by the lines of its headers, and its content. */
function part(headers: readonly string[], content: string, boundary = "b"): string {
  return `--${boundary}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n${content}\r\n`;
}

const NAMED = 'Content-Disposition: form-data; name="model"';
const FILE = part(
  ['Content-Disposition: form-data; name="file"; filename="a.wav"', "Content-Type: audio/wav"],
  "\r\n-\r\n--",
);

const LONG = part(
  ['Content-Disposition: form-data; name="file"; filename="a.wav"'],
  "\r\n-".repeat(1_000_000),
);

test.each([
  ["multipart/form-data; boundary=x", true],
  ["Multipart/Form-Data;boundary=x", true],
  ["multipart/form-data", true],
  ["multipart/form-database", false],
  ["application/json", false],
  [undefined, false],
])("%j is a form: %s", (type, expected) => {
  expect(isForm(type)).toBe(expected);
});

test("real encodings, the model before the file and after it, with a boundary like the content", async () => {
  for (const order of ["before", "after"]) {
    const form = new FormData();
    if (order === "before") form.set("model", "org/größe");
    form.set("file", new Blob([Buffer.alloc(100_000, "\r\n--")]), 'a "b".wav');
    form.set("prompt", 'name="model"');
    if (order === "after") form.set("model", "org/größe");
    const request = new Request("http://x/", { method: "POST", body: form });
    const body = Buffer.from(await request.arrayBuffer());
    expect(formField(body, request.headers.get("content-type") ?? "", "model")).toBe("org/größe");
    expect(formField(body, request.headers.get("content-type") ?? "", "language")).toBeNull();
  }
});

test.each([
  ["a preamble", `hello\r\n${part([NAMED], "m")}--b--`],
  ["an epilogue", `${part([NAMED], "m")}--b--\r\nmore --b`],
  ["a name without quotes", `${part(["content-disposition:form-data;name=model"], "m")}--b--`],
  [
    "other parameters, other case",
    `${part(['CONTENT-DISPOSITION: form-data; x; y="a;b"; NAME="model"'], "m")}--b--`,
  ],
  ["headers before", `${part(["Content-Type: text/plain; name=x", NAMED], "m")}--b--`],
  ["a long file, whose boundary is one letter", `${LONG}${part([NAMED], "m")}--b--`],
  ["a file first", `${FILE}${part([NAMED], "m")}--b--`],
  ["a file of that name", `${part([`${NAMED}; filename="x"`], "f")}${part([NAMED], "m")}--b--`],
  ["a part without headers", `--b\r\n\r\nx\r\n${part([NAMED], "m")}--b--`],
  [
    "what begins like a boundary",
    `${part(['Content-Disposition: form-data; name="p"'], "\r\n--bb\r\n--b-\r\n")}${part([NAMED], "m")}--b--`,
  ],
])("finds the model: %s", (_, body) => {
  expect(model(body)).toBe("m");
});

test("the boundary is read from the content type in any of its forms", () => {
  const body = `${part([NAMED], "m", 'q"u;o')}--q"u;o--`;
  expect(model(body, 'multipart/form-data; charset=utf-8; Boundary="q\\"u;o"')).toBe("m");
  expect(model(`${part([NAMED], "m")}--b--`, "multipart/form-data; boundary = b ; x=y")).toBe("m");
});

test.each([
  ["without a field of that name", `${FILE}--b--`, null],
  ["with an empty one", `${part([NAMED], "")}--b--`, ""],
  ["with nothing", "--b--", null],
])("a form %s: %j", (_, body, expected) => {
  expect(model(body)).toBe(expected);
});

describe("refuses", () => {
  test.each([
    ["no boundary", `${part([NAMED], "m")}--b--`, "multipart/form-data"],
    ["an endless boundary", "--b--", `multipart/form-data; boundary=${"x".repeat(300)}`],
    ["an end that does not come", part([NAMED], "m"), TYPE],
    ["another boundary", `${part([NAMED], "m")}--b--`, "multipart/form-data; boundary=c"],
    ["nothing", "", TYPE],
    ["headers without an end", `--b\r\n${NAMED}\r\n--b--`, TYPE],
    ["headers beyond all lengths", `${part([`x: ${"y".repeat(9000)}`, NAMED], "m")}--b--`, TYPE],
    ["two models", `${part([NAMED], "m")}${part([NAMED], "n")}--b--`, TYPE],
    ["a model beyond all lengths", `${part([NAMED], "m".repeat(2000))}--b--`, TYPE],
    ["parts without number", `${part(["x: y"], "").repeat(2500)}--b--`, TYPE],
    ["space after the boundary", `--b \t\r\n${NAMED}\r\n\r\nm\r\n--b \t--`, TYPE],
    ["boundaries that are none, without number", `--b\r\n\r\n${"\r\n--bx".repeat(100_000)}\r\n--b--`, TYPE],
    ["a part of nothing", "--b\r\n--b--", TYPE],
  ])("%s", (_, body, type) => {
    expect(() => model(body, type)).toThrow(InvalidRequest);
  });

  test("a model that is no UTF-8", () => {
    const body = Buffer.from(`${part([NAMED], "m\xff")}--b--`, "latin1");
    expect(() => model(body)).toThrow("not valid UTF-8");
  });
});

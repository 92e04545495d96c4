import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import { readRegularFile } from "../files/read-regular-file.ts";
import { InputError } from "../lib/errors.ts";
import type { SourceOf } from "./place.ts";

export interface YamlFile {
  /** Plain data. */
  readonly value: unknown;
  /** `path:line:column` of a field, or of the nearest that is there. */
  readonly sourceOf: SourceOf;
}

/** In plain words, and without what is written there: it may be a key. */
const FAULTS: Partial<Record<YAMLError["code"], string>> = {
  TAB_AS_INDENT: "has a tab before its text; indent with blanks",
  DUPLICATE_KEY: "names a setting that is there already; leave one of them",
  BAD_ALIAS: "refers to an anchor that is not there; put text that begins with * in quotes",
  BAD_INDENT: "is indented otherwise than the lines it belongs to; bring them to one depth",
  BAD_SCALAR_START: "begins with a sign that has a meaning of its own; put the text in quotes",
  BAD_DQ_ESCAPE: "has a backslash that begins no known escape; use single quotes",
  MISSING_CHAR: "lacks a sign: `:` after a name, a blank after `:`, a closing quote or a bracket; add it",
  UNEXPECTED_TOKEN: "has a sign where none can be; remove it, or put the text in quotes",
  MULTIPLE_DOCS: "begins a second document; leave one",
  MULTILINE_IMPLICIT_KEY: "is a name without `:`, or is indented too little; write `name: value`",
  BLOCK_AS_IMPLICIT_KEY: "has a second `name:` in one line; put it on a line of its own",
  BLOCK_IN_FLOW: "begins a block inside brackets; close the bracket first",
  TAG_RESOLVE_FAILED: "has a tag that is not known; remove it",
};

const RULES = { mostBytes: 4 << 20, smaller: "is it a configuration?", followLinks: true };

/**
 * Reads a YAML file.
 * @throws InputError naming the file, and the line where it is no YAML
 */
export async function readYamlFile(path: string): Promise<YamlFile> {
  const text = new TextDecoder().decode(await readRegularFile(path, RULES));
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return line === 0 ? path : `${path}:${line}:${col}`;
  };
  const fault = document.errors[0];
  if (fault !== undefined) {
    const hint = FAULTS[fault.code] ?? "cannot be understood; correct the line";
    throw new InputError(at(fault.pos[0]), "", `is not valid YAML: the text here ${hint}`);
  }
  const odd = oddKey(document);
  if (odd !== null)
    throw new InputError(at(odd), "", "is a list, a mapping or bytes in the place of a name; write a name");
  let value: unknown;
  try {
    value = document.toJS();
  } catch {
    // An alias without an anchor, or too many of them, shows only here.
    throw new InputError(
      path,
      "",
      "is not valid YAML: an alias has no anchor, or there are too many; remove it",
    );
  }
  return { value, sourceOf: (field) => at(offsetOf(document, field)) };
}

/** The data alone. */
export async function readYaml(path: string): Promise<unknown> {
  return (await readYamlFile(path)).value;
}

/** Where a key is no name: the more such keys lie in each other, the longer it takes to make a text of them. */
function oddKey(document: Document): number | null {
  let odd: number | null = null;
  visit(document, {
    Pair: (_, { key }) => {
      // Bytes are a scalar (`!!binary`), too.
      if (isScalar(key) && (typeof key.value !== "object" || key.value === null)) return undefined;
      odd = startOf(key) ?? 0;
      return visit.BREAK;
    },
  });
  return odd;
}

/** Where the field's name stands, or the list's item; else where what should hold it stands. */
function offsetOf({ contents }: Document, field: readonly PropertyKey[]): number {
  let node: unknown = contents;
  let offset = startOf(node) ?? 0;
  for (const key of field) {
    if (isMap(node)) {
      const pair = node.items.find((item) => keyOf(item.key) === String(key));
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = startOf(node) ?? offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | null {
  return isNode(node) ? (node.range?.[0] ?? null) : null;
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : "";
}

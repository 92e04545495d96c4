import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { InputError } from "../lib/errors.ts";

/** Parsed, a text takes up to a thousand times its length. The placements of the largest models have 200 kB. */
const MOST_LETTERS = 1 << 19;

/**
 * A YAML file of others, node by node: mappings, lists of scalars, scalars. As a whole it is never made into plain
 * data, which can take time that is exponential in its length; nor are the keys of a mapping compared each with each.
 */
export class YamlNodes {
  readonly root: unknown;
  readonly #source: string;
  /** What may be named again; of what has been looked at. */
  readonly #anchors = new Map<string, unknown>();
  readonly #lists = new Map<unknown, readonly unknown[]>();

  /** @throws InputError where the text is no YAML */
  constructor(text: string, source: string) {
    this.#source = source;
    this.root = parsed(text, source).contents;
  }

  /**
   * A mapping's nodes by key, in the file's order; null for another node.
   * @throws InputError for keys that are no names, or not of their own
   */
  mapping(node: unknown): ReadonlyMap<string, unknown> | null {
    if (!isMap(node)) return null;
    const nodes = new Map<string, unknown>();
    for (const { key, value } of node.items) {
      if (!isScalar(key)) {
        throw new InputError(this.#source, "", "has a list or a mapping for a key; expected names");
      }
      const name = String(key.value);
      if (nodes.has(name)) throw new InputError(this.#source, name, "is there twice; leave one");
      nodes.set(name, this.#named(value));
    }
    return nodes;
  }

  /** A scalar's value, or those of a list; a list's is one and the same each time. Another node as it is. */
  plain(node: unknown): unknown {
    if (isScalar(node)) return node.value;
    if (!isSeq(node)) return node;
    const known = this.#lists.get(node);
    if (known !== undefined) return known;
    const list = node.items.map((item) => (isScalar(item) ? item.value : item));
    this.#lists.set(node, list);
    return list;
  }

  /** The node itself, or the one before it that it names. */
  #named(node: unknown): unknown {
    if (isAlias(node)) {
      const named = this.#anchors.get(node.source);
      if (named !== undefined) return named;
      throw new InputError(
        this.#source,
        `*${node.source}`,
        "names no value before it; write the value itself",
      );
    }
    if (isNode(node) && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    return node;
  }
}

function parsed(text: string, source: string): Document {
  if (text.length > MOST_LETTERS) {
    const hint = `has ${text.length} letters, more than ${MOST_LETTERS}; is it a placement?`;
    throw new InputError(source, "", hint);
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  const [fault] = document.errors;
  if (fault === undefined) return document;
  const { line, col } = lineCounter.linePos(fault.pos[0]);
  const reason = `${fault.message} at line ${line}, column ${col}`;
  throw new InputError(source, "", `is not YAML (${reason}); is the file whole?`);
}

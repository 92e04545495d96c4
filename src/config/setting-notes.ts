import { type Document, isMap, isNode, isScalar, type Node, parseDocument } from "yaml";

/** What the comments of a YAML file say of its settings, by their paths: `http.port`. */
export function settingNotes(text: string): ReadonlyMap<string, string> {
  const notes = new Map<string, string>();
  const document: Document = parseDocument(text);
  if (isNode(document.contents)) noteInside(document.contents, "", notes);
  return notes;
}

function noteInside(node: Node, at: string, notes: Map<string, string>): void {
  if (!isMap(node)) return;
  for (const [i, { key, value }] of node.items.entries()) {
    if (!isScalar(key)) continue;
    const path = `${at}${String(key.value)}`;
    // What stands above the first setting of a section belongs to the section for the parser.
    const above = (i === 0 ? node.commentBefore : null) ?? key.commentBefore;
    const beside = isScalar(value) ? value.comment : null;
    const note = [above, beside].filter((one) => typeof one === "string").map(proseOf);
    if (note.length > 0) notes.set(path, note.join("\n"));
    if (isNode(value)) noteInside(value, `${path}.`, notes);
  }
}

/** Of the last paragraph: lines of prose are one; a table stays as it is. */
function proseOf(comment: string): string {
  const [paragraph = ""] = comment.split(/\n\s*\n/).slice(-1);
  const lines = paragraph.split("\n").map((line) => line.replace(/^ /, "").trimEnd());
  const isTable = lines.some((line) => /\S {3,}\S/.test(line));
  return isTable ? lines.join("\n") : lines.join(" ").trim();
}

const ENTRY = /^ {2,}(?<names>[a-z]\w*(?:, [a-z]\w*)*) {2,}(?<text>\S.*)$/;

/** What a note's table says of fields, by their names: `  urls, discover   where servers are`, and lines that go on. */
export function fieldNotes(note: string): ReadonlyMap<string, string> {
  const notes = new Map<string, string>();
  let names: readonly string[] = [];
  for (const line of note.split("\n")) {
    const groups = ENTRY.exec(line)?.groups;
    if (groups !== undefined) names = groups["names"].split(", ");
    else if (!/^ {6,}\S/.test(line)) names = [];
    const text = groups?.["text"] ?? line.trim();
    for (const name of names) {
      const before = notes.get(name);
      notes.set(name, before === undefined || groups !== undefined ? text : `${before} ${text}`);
    }
  }
  return notes;
}

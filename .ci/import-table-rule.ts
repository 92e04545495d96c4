import { builtinModules } from "node:module";
import { dirname, join } from "node:path";
import { importTable, type Row } from "./import-table.ts";

interface ImportNode {
  readonly source: { readonly type: string; readonly value: string } | null;
}

interface RuleContext {
  readonly filename: string;
  report(problem: { node: ImportNode; message: string }): void;
}

interface Place {
  readonly row: Row;
  /** The folder or file under src/ that the row stands for here: its `*` filled in. */
  readonly unit: string;
}

const SOURCE = "/src/";

/** The row with the longest unit that a path under src/ lies in. */
function placeOf(path: string): Place | null {
  let best: Place | null = null;
  for (const row of importTable) {
    const folder = row.unit.endsWith("/*") ? row.unit.slice(0, -1) : null;
    if (folder !== null && !path.startsWith(folder)) continue;
    const unit = folder === null ? row.unit : folder + path.slice(folder.length).split("/", 1)[0];
    if (isWithin(path, unit) && row.unit.length > (best?.row.unit.length ?? 0)) best = { row, unit };
  }
  return best;
}

function isWithin(path: string, unit: string): boolean {
  return path === unit || path.startsWith(`${unit}/`);
}

/** What is wrong with importing `specifier` in `path` (under src/), or null. */
function fault(path: string, specifier: string): string | null {
  const place = placeOf(path);
  if (place === null) return `src/${path} is in no row of the import table (.ci/import-table.ts)`;
  const { row, unit } = place;
  if (specifier.startsWith(".")) {
    const target = join(dirname(path), specifier);
    const allowed = [unit, ...row.imports].some((other) => other === "src" || isWithin(target, other));
    return allowed ? null : `src/${unit} may not import src/${target}`;
  }
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
    return row.pure ? `src/${unit} is pure and may not import ${specifier}` : null;
  }
  const allowed = row.packages.some((name) => isWithin(specifier, name));
  return allowed ? null : `src/${unit} may not import the package ${specifier}`;
}

export function importTableRule(context: RuleContext) {
  const start = context.filename.lastIndexOf(SOURCE);
  if (start < 0) return {};
  const path = context.filename.slice(start + SOURCE.length);
  const check = (node: ImportNode) => {
    if (node.source === null) return;
    const message =
      node.source.type === "Literal"
        ? fault(path, node.source.value)
        : "an import whose target is computed cannot be checked against the import table";
    if (message !== null) context.report({ node, message });
  };
  return {
    ImportDeclaration: check,
    ExportNamedDeclaration: check,
    ExportAllDeclaration: check,
    ImportExpression: check,
    TSImportType: check,
  };
}

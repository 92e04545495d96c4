/** One table of the benchmark: what was measured, and what had been aimed for. */
export interface BenchTable {
  readonly title: string;
  readonly columns: readonly Column[];
  /** A cell per column; null where there is nothing to say. */
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly notes: readonly string[];
  readonly aims: readonly Aim[];
}

export interface Column {
  readonly name: string;
  /** Decimals of its numbers. */
  readonly digits?: number;
}

export interface Aim {
  readonly what: string;
  readonly measured: number;
  /** The limit, and on which side of it the measured number should be. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export function aimMet({ measured, atMost, atLeast }: Aim): boolean {
  return (
    measured <= (atMost ?? Number.POSITIVE_INFINITY) && measured >= (atLeast ?? Number.NEGATIVE_INFINITY)
  );
}

/** As Markdown. */
export function tableText({ title, columns, rows, notes, aims }: BenchTable): string {
  const cells = rows.map((row) =>
    row.map((cell, i) => {
      if (cell === null) return "–";
      return typeof cell === "string" ? cell : cell.toFixed(columns[i].digits ?? 0);
    }),
  );
  const widths = columns.map(({ name }, i) => Math.max(name.length, ...cells.map((row) => row[i].length)));
  const numeric = columns.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, i) => (numeric[i] ? text.padStart(widths[i]) : text.padEnd(widths[i]))).join(" | ")} |`;
  const rule = widths.map((width, i) => (numeric[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  const lines = [`### ${title}`, "", line(columns.map(({ name }) => name)), line(rule), ...cells.map(line)];
  if (notes.length > 0) lines.push("", ...notes);
  if (aims.length > 0) lines.push("", ...aims.map((aim) => `- ${aimText(aim)}`));
  return lines.join("\n");
}

/** For a program: every row by its column names, every aim with its verdict. */
export function tableJson({ title, columns, rows, notes, aims }: BenchTable): object {
  return {
    title,
    rows: rows.map((row) => Object.fromEntries(row.map((cell, i) => [columns[i].name, cell]))),
    notes,
    aims: aims.map((aim) => ({ ...aim, met: aimMet(aim) })),
  };
}

function aimText(aim: Aim): string {
  const limit = aim.atMost === undefined ? `at least ${aim.atLeast}` : `at most ${aim.atMost}`;
  return `${aimMet(aim) ? "met" : "MISSED"}: ${aim.what}: ${aim.measured.toPrecision(3)}, aim ${limit}`;
}

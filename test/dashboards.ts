import { readFile, readdir } from "node:fs/promises";

const FOLDER = new URL("../deploy/grafana/dashboards/", import.meta.url);

/** As Grafana has it; what is read here. */
export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly annotations: { readonly list: readonly Annotation[] };
}

/** Versions of Grafana differ in which of the two forms they read: `target`, or the query and its step beside it. */
export interface Annotation {
  readonly name: string;
  readonly expr: string;
  readonly step: string;
  readonly target: { readonly refId: string; readonly expr: string; readonly interval: string };
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly format?: string;
  }[];
  readonly transformations?: readonly { readonly id: string; readonly options: unknown }[];
}

export interface PanelQuery {
  /** For a person: which of which panel of which dashboard. */
  readonly at: string;
  /** As Grafana sends it, with its variables filled in. */
  readonly query: string;
  readonly legend: string;
}

export async function dashboards(): Promise<readonly Dashboard[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith(".json"));
  return Promise.all(
    names.map(async (file) => {
      const read = JSON.parse(await readFile(new URL(file, FOLDER), "utf8")) as Omit<Dashboard, "file">;
      return { file, ...read };
    }),
  );
}

/** @param values what the variables stand for, by `$name`; a list of pools is a pattern */
export function queriesOf(dashboard: Dashboard, values: Readonly<Record<string, string>>): PanelQuery[] {
  const filled = (text: string) =>
    text.replaceAll(/\$\w+/g, (name) => {
      if (!Object.hasOwn(values, name)) throw new Error(`${dashboard.file}: no variable ${name}`);
      return values[name];
    });
  const ofPanels = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }, i) => ({
      at: `${dashboard.file}, ${title}, ${i}`,
      query: filled(expr),
      legend: legendFormat,
    })),
  );
  const ofAnnotations = dashboard.annotations.list.map(({ name, expr }) => ({
    at: `${dashboard.file}, annotation ${name}`,
    query: filled(expr),
    legend: "",
  }));
  return [...ofPanels, ...ofAnnotations];
}

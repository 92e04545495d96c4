import { parser } from "@prometheus-io/lezer-promql";

/** What a query of Prometheus names. */
export interface NamedInQuery {
  readonly metrics: ReadonlySet<string>;
  /** In selectors, groupings and joins. */
  readonly labels: ReadonlySet<string>;
}

/** By PromQL's own grammar. @throws Error where the query is none */
export function namedInQuery(query: string): NamedInQuery {
  const metrics = new Set<string>();
  const labels = new Set<string>();
  parser.parse(query).iterate({
    enter({ type, from, to }) {
      if (type.isError) throw new Error(`${query} is no PromQL at character ${from}`);
      const text = query.slice(from, to);
      if (type.name === "Identifier") metrics.add(text);
      if (type.name === "LabelName") labels.add(text);
    },
  });
  return { metrics, labels };
}

/** Receives the value of one series, with the values of its family's labels, in their order. */
export type Observe = (value: number, ...labels: readonly string[]) => void;

/**
 * A metric with all its series. They are read anew at every scrape: what is not observed then is not there any more, so
 * that nothing is shown of a shard, a rank or a pool that is gone.
 */
export interface Family {
  /** As Prometheus has it. Of a counter it ends in `_total`. */
  readonly name: string;
  readonly kind: "counter" | "gauge";
  /** Names. */
  readonly labels: readonly string[];
  /** One clause for a person. */
  readonly help: string;
  read(observe: Observe): void;
}

type Made = (name: string, labels: readonly string[], help: string, read: Family["read"]) => Family;

export const counter: Made = (name, labels, help, read) => ({ name, kind: "counter", labels, help, read });
export const gauge: Made = (name, labels, help, read) => ({ name, kind: "gauge", labels, help, read });

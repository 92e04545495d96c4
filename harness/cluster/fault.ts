import type { Cluster } from "./cluster.ts";

/** Something that goes wrong, and is over when the cluster is well again. */
export interface Fault {
  readonly name: string;
  /** @param draw a number from 0 to below `n` */
  inject(cluster: Cluster, draw: (n: number) => number): Promise<void>;
  /**
   * The requests that it costs, where it costs any: those of the gateway that dies; or answers that had begun, whose
   * clients are told so by an error.
   */
  readonly costs?: "one gateway's" | "answers that had begun";
  /** Earlier versions do not withstand it: it is left out where one of them may lead. */
  readonly ofThisVersion?: true;
  /** The store forgets who holds the lease: two may lead until that time has run out. */
  readonly forgetsLease?: true;
  /** Nothing of it needs processes, a network or a store: `property/model-cluster` has it too, and the usual run only there. */
  readonly modelled?: true;
}

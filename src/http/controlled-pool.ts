import type { ReportedPlane } from "../control/reported-plane.ts";
import type { Placement } from "../model/placement.ts";
import type { EpochReport, PoolReport } from "../model/pool-report.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";

/** What the expert-plane API reads of a pool's control loop. */
export interface PoolControl {
  readonly pool: string;
  /** Null before the first report. */
  report(): PoolReport | null;
  onReport(listener: (report: PoolReport) => void): () => void;
  /** The latest epochs, oldest first. */
  epochs(): readonly EpochReport[];
  snapshot(): RoutingSnapshot;
  /** The placement that ranks are being prepared for. */
  pending(): { readonly epoch: number; readonly placement: Placement } | null;
}

/** A pool with an expert plane. */
export interface ControlledPool {
  readonly control: PoolControl;
  /** Where its engines report by HTTP; null where the plane is in this process. */
  readonly reported: ReportedPlane | null;
}

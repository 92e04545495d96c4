import { isPaused } from "../status/pool-status.ts";
import { PoolSelector } from "./pool-selector.tsx";
import type { Connection } from "../live/state.ts";
import type { PoolReport } from "../live/wire.ts";
import { useNow } from "./use-now.ts";

const EVERY_MS = 1000;

interface Properties {
  readonly connection: Connection;
  readonly pools: readonly string[];
  readonly shown: string | null;
  /** The last of the pool shown; null before the first. */
  readonly report: PoolReport | null;
  /** When that came, by this machine's clock. */
  readonly reportedAtMs: number | null;
  readonly choose: (pool: string) => void;
}

const CONNECTION_WORDS: Record<Connection, string> = {
  connecting: "Connecting",
  live: "Live",
  silent: "No data",
  lost: "Disconnected",
  locked: "Locked",
  barred: "Refused",
};

export function PageHeader({ connection, pools, shown, report, reportedAtMs, choose }: Properties) {
  // Other events come although this pool's reports have stopped.
  const now = useNow(EVERY_MS);
  const paused = connection === "live" && isPaused(reportedAtMs, now);
  return (
    <header>
      <h1>
        <Mark />
        Plimsoll
      </h1>
      <dl class="identity">
        {shown !== null && (
          <div>
            <dt>Pool</dt>
            <dd>
              {pools.length > 1 ? (
                <PoolSelector pools={pools} shown={shown} choose={choose} />
              ) : (
                <bdi>{shown}</bdi>
              )}
            </dd>
          </div>
        )}
        {report !== null && <Identity report={report} />}
      </dl>
      <p class={`connection ${paused ? "silent" : connection}`} role="status">
        {paused ? "No reports" : CONNECTION_WORDS[connection]}
      </p>
    </header>
  );
}

function Identity({ report }: { readonly report: PoolReport }) {
  const { nodes, gpusPerNode, slotsPerGpu } = report.topology;
  const slots = nodes * gpusPerNode * slotsPerGpu;
  return (
    <>
      <div>
        <dt>Model</dt>
        <dd>{report.model}</dd>
      </div>
      <div>
        <dt>GPUs</dt>
        <dd>
          {nodes} {nodes === 1 ? "node" : "nodes"} × {gpusPerNode}
        </dd>
      </div>
      <div>
        <dt>Slots per layer</dt>
        <dd>
          {slots} <small>{slots - report.experts} redundant</small>
        </dd>
      </div>
      <div>
        <dt>Epoch</dt>
        <dd>{report.epoch}</dd>
      </div>
    </>
  );
}

/** The load line as it is painted on hulls: a disc crossed by a line. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="9.5" />
      <path d="M1 16h30" />
    </svg>
  );
}

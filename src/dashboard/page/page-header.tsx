import { PoolSelector } from "./pool-selector.tsx";
import type { Connection } from "../live/state.ts";
import type { PoolSample } from "../live/wire.ts";

interface Properties {
  readonly connection: Connection;
  readonly pools: readonly string[];
  readonly shown: string | null;
  readonly sample: PoolSample | undefined;
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

export function PageHeader({ connection, pools, shown, sample, choose }: Properties) {
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
            <dd>{pools.length > 1 ? <PoolSelector pools={pools} shown={shown} choose={choose} /> : shown}</dd>
          </div>
        )}
        {sample !== undefined && <Identity sample={sample} />}
      </dl>
      <p class={`connection ${connection}`} role="status">
        {CONNECTION_WORDS[connection]}
      </p>
    </header>
  );
}

function Identity({ sample }: { readonly sample: PoolSample }) {
  const { nodes, gpusPerNode, slotsPerGpu } = sample.topology;
  const slots = nodes * gpusPerNode * slotsPerGpu;
  return (
    <>
      <div>
        <dt>Model</dt>
        <dd>{sample.model}</dd>
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
          {slots} <small>{slots - sample.experts} redundant</small>
        </dd>
      </div>
      <div>
        <dt>Epoch</dt>
        <dd>{sample.epoch}</dd>
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

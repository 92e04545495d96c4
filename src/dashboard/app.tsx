import { useEffect, useReducer } from "preact/hooks";
import { ConnectionNotice } from "./connection-notice.tsx";
import { PageHeader } from "./page-header.tsx";
import { PoolView } from "./pool-view.tsx";
import { NOTHING_YET, receive, shownPool } from "./state.ts";
import { follow } from "./stream.ts";

/** The page: one state, fed by the stream, shown for one pool. */
export function App() {
  const [state, send] = useReducer(receive, NOTHING_YET);
  useEffect(() => follow(new URL("ep/v1/events", document.baseURI).href, send), [send]);

  const name = shownPool(state);
  const pool = name === null ? undefined : state.pools.get(name);
  const stale = state.connection === "lost" || state.connection === "silent";
  return (
    <>
      <PageHeader
        connection={state.connection}
        pools={[...state.pools.keys()]}
        shown={name}
        sample={pool?.samples.at(-1)}
        choose={(chosen) => send({ type: "choose", pool: chosen })}
      />
      {stale && <ConnectionNotice connection={state.connection} heardAtMs={state.heardAtMs} />}
      <main class={stale ? "stale" : undefined}>
        {pool === undefined || pool.samples.length === 0 ? (
          <p class="awaited">
            {state.connection === "connecting"
              ? "Connecting to the gateway."
              : "Waiting for the first report of a pool. The gateway sends one a second for every pool whose experts it tracks."}
          </p>
        ) : (
          <PoolView pool={pool} traffic={state.traffic} alone={state.pools.size === 1} />
        )}
      </main>
    </>
  );
}

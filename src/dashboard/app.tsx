import { useEffect, useReducer, useState } from "preact/hooks";
import { ConnectionNotice } from "./status/connection-notice.tsx";
import { KeyForm } from "./page/key-form.tsx";
import { PageHeader } from "./page/page-header.tsx";
import { PoolView } from "./pool-view.tsx";
import { type Connection, NOTHING_YET, receive, shownPool } from "./live/state.ts";
import { follow } from "./live/stream.ts";
import { useLinkState } from "./page/use-link-state.ts";

/** Where the key is kept until the tab is closed. */
const KEY = "plimsoll-operator-key";

/** The page: one state, fed by the stream, shown for one pool. */
export function App() {
  const [state, send] = useReducer(receive, NOTHING_YET);
  const [view, change] = useLinkState();
  const [key, setKey] = useState(() => sessionStorage.getItem(KEY));
  useEffect(() => follow(new URL("ep/v1/events", document.baseURI).href, key, send), [key, send]);
  useEffect(() => {
    if (view.pool !== null) send({ type: "choose", pool: view.pool });
  }, [view.pool, send]);
  const unlock = (given: string) => {
    sessionStorage.setItem(KEY, given);
    send({ type: "connection", value: "connecting" });
    setKey(given);
  };

  const name = shownPool(state);
  const pool = name === null ? undefined : state.pools.get(name);
  const stale = state.connection === "lost" || state.connection === "silent";
  return (
    <>
      <PageHeader
        connection={state.connection}
        pools={[...state.pools.keys()]}
        shown={name}
        report={pool?.last ?? null}
        reportedAtMs={pool?.reportedAtMs ?? null}
        choose={(chosen) => change({ pool: chosen, gpu: null, decision: null })}
      />
      {stale && <ConnectionNotice connection={state.connection} receivedAtMs={state.receivedAtMs} />}
      <main class={stale ? "stale" : undefined}>
        {state.connection === "locked" ? (
          <KeyForm wrong={key !== null} send={unlock} />
        ) : pool === undefined || pool.last === null ? (
          <p class="awaited">{AWAITED[state.connection] ?? NO_REPORT}</p>
        ) : (
          <PoolView
            key={name}
            pool={pool}
            last={pool.last}
            traffic={state.traffic}
            aheadMs={state.aheadMs}
            gateway={state.gateway}
            alone={state.pools.size === 1}
            operatorKey={key}
            view={view}
            change={change}
          />
        )}
      </main>
    </>
  );
}

const NO_REPORT =
  "Waiting for the first report of a pool. The gateway sends one a second for every pool whose experts it tracks.";

const AWAITED: Partial<Record<Connection, string>> = {
  connecting: "Connecting to the gateway.",
  barred:
    "The gateway has no operator key, and shows this to its own machine only. Name the variable of a key in http.operatorKeyEnv, and open this page again.",
};

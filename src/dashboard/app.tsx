import { useEffect, useReducer, useState } from "preact/hooks";
import { GatewayView } from "./gateway-view.tsx";
import { ConnectionNotice } from "./status/connection-notice.tsx";
import { KeyForm } from "./page/key-form.tsx";
import { PageHeader } from "./page/page-header.tsx";
import { PoolView } from "./pool-view.tsx";
import { NOTHING_YET, missedPool, receive, shownPool } from "./live/state.ts";
import { follow } from "./live/stream.ts";
import { useLinkState } from "./page/use-link-state.ts";
import { useWatched } from "./page/use-watched.ts";

/** Where the key is kept until the tab is closed. */
const KEY = "plimsoll-operator-key";

/** The page: one state, fed by the stream, shown for one pool. */
export function App() {
  const [state, send] = useReducer(receive, NOTHING_YET);
  const [view, change] = useLinkState();
  const [key, setKey] = useState(() => sessionStorage.getItem(KEY));
  const refused = state.connection === "locked" || state.connection === "barred";
  // Who is asked for a key may get it from another tab.
  const wanted = useWatched() || refused;
  // A browser has six connections to a gateway: tabs that nobody sees keep none.
  useEffect(() => {
    if (!wanted) return;
    send({ type: "connection", value: "connecting" });
    return follow(new URL("ep/v1/events", document.baseURI).href, key, send);
  }, [key, send, wanted]);
  useEffect(() => {
    if (view.pool !== null) send({ type: "choose", pool: view.pool });
  }, [view.pool, send]);
  const unlock = (given: string) => {
    sessionStorage.setItem(KEY, given);
    // No word of a wrong key before it was tried.
    send({ type: "connection", value: "connecting" });
    setKey(given);
  };

  const name = shownPool(state);
  const pool = name === null ? undefined : state.pools.get(name);
  const missed = missedPool(state);
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
      {stale && (
        <ConnectionNotice
          connection={state.connection}
          receivedAtMs={state.receivedAtMs}
          aheadMs={state.aheadMs}
        />
      )}
      {missed !== null && (
        <p class="notice" role="status">
          There is no pool <bdi>{missed}</bdi> here now.
        </p>
      )}
      <main class={stale ? "stale" : undefined}>
        {state.connection === "locked" ? (
          <KeyForm wrong={key !== null} send={unlock} />
        ) : state.connection === "barred" ? (
          <p class="awaited">{BARRED}</p>
        ) : state.gateway === null ? (
          <p class="awaited">Connecting to the gateway.</p>
        ) : pool === undefined || pool.last === null ? (
          <GatewayView
            name={name}
            pool={pool ?? null}
            gateway={state.gateway}
            traffic={state.traffic}
            operatorKey={key}
          />
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

const BARRED =
  "The gateway has no operator key, and shows this to its own machine only. Name the variable of a key in http.operatorKeyEnv, and open this page again.";

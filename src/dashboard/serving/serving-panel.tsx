import { useEffect, useState } from "preact/hooks";
import { percent, whole } from "../format.ts";
import { repeatedly } from "../live/repeatedly.ts";
import { type AdminState, fetchAdminState } from "./admin-state.ts";
import { healthText } from "./shard-row.ts";
import { DataTable, NumberHead, TextHead } from "../page/data-table.tsx";

const EVERY_MS = 2000;

interface Properties {
  /** Null for all. */
  readonly pool: string | null;
  readonly operatorKey: string | null;
}

/** Who asks, and which servers answer. Asked for while it is open only. */
export function ServingPanel({ pool, operatorKey }: Properties) {
  const [open, setOpen] = useState(false);
  const [state, setState] = useState<AdminState | string | null>(null);
  useEffect(() => {
    if (!open) return;
    return repeatedly(EVERY_MS, async (signal, stopped) => {
      const found = await fetchAdminState(operatorKey, signal).catch((error: Error) => error.message);
      if (!stopped.aborted) setState(found);
    });
  }, [open, operatorKey]);
  return (
    <details class="panel wide" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Servers and tenants</summary>
      {state === null ? (
        <p class="awaited">Asking the gateway.</p>
      ) : typeof state === "string" ? (
        <p class="awaited">Not to be had: {state}.</p>
      ) : (
        <Tables state={state} pool={pool} />
      )}
    </details>
  );
}

function Tables({ state, pool }: { readonly state: AdminState; readonly pool: string | null }) {
  const { admission, pools } = state;
  const shards = pools
    .filter((one) => pool === null || one.pool === pool || one.pool.startsWith(`${pool}.`))
    .flatMap((one) => one.shards);
  return (
    <>
      <p class="readout">
        {whole(admission.inFlight)} requests in flight
        {admission.limit > 0 && ` of ${whole(admission.limit)} at most`}, {whole(admission.queued)} waiting,
        over all pools.
      </p>
      <div class="side-by-side">
        <DataTable
          label="Table of shards"
          head={
            <>
              <TextHead name="Shard" />
              <NumberHead name="Requests" what="Sent by this gateway and not answered yet" />
              <NumberHead name="Tokens" what="Tokens of those requests, prompts and answers, as estimated" />
              <NumberHead name="Waiting" what="Requests that wait in the server, as it reports" />
              <NumberHead name="KV cache" what="The part of its key-value cache in use, as it reports" />
              <TextHead name="Health" what="Whether it gets requests, and why not" />
            </>
          }
        >
          {shards.map(({ id, requests, tokens, reported, health }) => (
            <tr key={id} data-testid="shard-row">
              <th scope="row">{id}</th>
              <td class="number">{whole(requests)}</td>
              <td class="number">{whole(tokens)}</td>
              <td class="number">{whole(reported.waiting)}</td>
              <td class="number">{reported.kvUse === null ? "" : percent(reported.kvUse)}</td>
              <td class={health.ready && health.circuit === "closed" ? undefined : "ill"}>
                {healthText(health)}
              </td>
            </tr>
          ))}
        </DataTable>
        <DataTable
          label="Table of tenants"
          head={
            <>
              <TextHead name="Tenant" />
              <NumberHead name="Requests inside" what="In flight or waiting, over all gateways" />
              <NumberHead name="Limit" what="How many may be inside; empty for no limit" />
            </>
          }
        >
          {(admission.tenants ?? []).map(({ tenant, inside, remoteInside, limit }) => (
            <tr key={tenant} data-testid="tenant-row">
              <th scope="row">{tenant}</th>
              <td class="number">{whole(inside + remoteInside)}</td>
              <td class="number">{limit === 0 ? "" : whole(limit)}</td>
            </tr>
          ))}
        </DataTable>
      </div>
    </>
  );
}

/** What `GET /admin/state` says of a gateway that is made up: as much as the dashboard reads. */
export function madeUpServers({ pool, nodes, gpusPerNode }: ServersShape): object {
  const health = {
    ready: true,
    circuit: "closed",
    ejectedForMs: 0,
    weight: 1,
    lack: null,
    lastFailure: null,
  };
  const shards = Array.from({ length: nodes * gpusPerNode }, (_, rank) => ({
    id: `${pool}/${rank}`,
    requests: 3,
    tokens: 4000,
    reported: { waiting: 0, kvUse: 0.5 },
    health,
  }));
  const tenants = [{ tenant: "anonymous", inside: 3, remoteInside: 0, limit: 0 }];
  return { admission: { inFlight: 3, queued: 0, limit: 4096, tenants }, pools: [{ pool, shards }] };
}

interface ServersShape {
  readonly pool: string;
  readonly nodes: number;
  readonly gpusPerNode: number;
}

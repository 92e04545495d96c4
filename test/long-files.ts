/**
 * Test files that take seconds of both cores each: whole commands, browsers, loads, simulations and clusters of which a
 * smaller file tries the same kind. `npm test` leaves them out to end within three minutes on two cores; `npm run
 * test:all` has everything.
 */
export const LONG_FILES = [
  "test/contract/{redis-damage,simulated-engine,stored-kinds}.test.ts",
  "test/e2e/{dashboard-large,report,plan-page}.test.ts",
  "test/fault/{bounded-memory,cluster,engines-under-load,file-bombs,large-traces,unreadable-state}.test.ts",
  "test/integration/{calibrate-command,convert-command,disaggregated,discovery,dispatch-bench,engine-plugins,expert-plane}.test.ts",
  "test/integration/{gateway-bench,load-scenarios,locality,locality-command,locality-processes,plan-command,plan-pool-command,plan-route}.test.ts",
  "test/integration/{placement-bench,reload-command,reload-halves,replay-bench,replay-command,replay-curve,routing-bench}.test.ts",
  "test/integration/{replay-scenario,replay-workers,server-names,simulate-command,simulation,solve-route}.test.ts",
  "test/integration/{trial-threads,twin-bench,watched-files,what-if-route,workers}.test.ts",
  "test/property/{crafted-files,model-cluster,planner,replay-compare,virtual-run}.test.ts",
  "test/unit/{dispatch-heap,fidelity,no-backtracking,priced-balance,rank-table,routed-run}.test.ts",
  "test/unit/{served-run,virtual-run}.test.ts",
];

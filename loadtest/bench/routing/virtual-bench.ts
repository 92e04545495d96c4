import type { RoutingPolicy } from "../../../src/model/routing-policy.ts";
import type { Case } from "./cases.ts";
import type { RoutingFigures } from "./figures.ts";
import { ORACLE, type RoutingResults } from "./routing-bench.ts";
import { VirtualGateway } from "./virtual-gateway.ts";
import { oracle, virtualRun } from "./virtual-run.ts";

/** Every case by the oracle and by the gateway's routing code, in virtual time. */
export function runVirtualBench(
  repeats: readonly (readonly Case[])[],
  policies: readonly RoutingPolicy[],
  seed: number,
  progress: (line: string) => void,
): RoutingResults {
  const figures = new Map<string, Map<string, RoutingFigures[]>>();
  for (const [repeat, cases] of repeats.entries()) {
    for (const one of cases) {
      progress(`${repeat + 1}/${repeats.length}: ${one.name}`);
      const runs: [string, RoutingFigures][] = [
        [ORACLE, virtualRun(one, oracle)],
        ...policies.map((policy): [string, RoutingFigures] => {
          const gateway = new VirtualGateway(policy, one.engines.length, seed + repeat);
          return [`plimsoll ${policy}`, virtualRun(one, gateway)];
        }),
      ];
      const ofCase = figures.get(one.name) ?? new Map<string, RoutingFigures[]>();
      for (const [name, run] of runs) ofCase.set(name, [...(ofCase.get(name) ?? []), run]);
      figures.set(one.name, ofCase);
    }
  }
  return { figures, notes: ["in virtual time: no process, no network, no time for routing"] };
}

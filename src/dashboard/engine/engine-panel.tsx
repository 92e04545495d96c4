import { useId } from "preact/hooks";
import { fixed } from "../format.ts";
import type { PoolState } from "../live/state.ts";
import { useNow } from "../page/use-now.ts";
import {
  ageText,
  differenceText,
  engineBalance,
  faultsText,
  rebalancesText,
  stepsText,
} from "./engine-balance.ts";

const DEFINITION =
  "Balancedness: Σ over layers of the mean GPU's tokens ÷ Σ of the fullest GPU's. Of the engine, of what its GPUs' slots received by its own dispatch in its last window; of the published placement, of what its replicas and shares would make of the counts of the last ten seconds.";
const EVERY_MS = 1000;

interface Properties {
  readonly pool: PoolState;
  /** Of the gateway's clock. */
  readonly aheadMs: number;
}

/** An engine that balances by itself, beside what the published placement would make of the same load. */
export function EnginePanel({ pool, aheadMs }: Properties) {
  const heading = useId();
  const balance = engineBalance(pool, useNow(EVERY_MS) + aheadMs);
  const engine = pool.condition?.engine ?? null;
  if (engine === null || balance === null) return null;
  const difference = differenceText(balance);
  return (
    <section class="engine" aria-labelledby={heading}>
      <h2 id={heading}>What {engine.name} makes of the load</h2>
      <table title={DEFINITION}>
        <thead>
          <tr>
            <td />
            <th scope="col">balancedness</th>
            <th scope="col">step, × even</th>
            <th scope="col">measured</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">as it dispatches ({engine.dispatch})</th>
            <td>{fixed(balance.engine, 3)}</td>
            <td>{stepsText(balance.engine)}</td>
            <td>{ageText(balance.engineAgeMs)}</td>
          </tr>
          <tr>
            <th scope="row">by the published placement</th>
            <td>{fixed(balance.published, 3)}</td>
            <td>{stepsText(balance.published)}</td>
            <td>{ageText(balance.publishedAgeMs)}</td>
          </tr>
        </tbody>
      </table>
      <div class="engine-words">
        {difference !== null && <p>{difference}</p>}
        <p>{rebalancesText(engine)}</p>
        <p class={engine.faults.length === 0 ? undefined : "ill"}>{faultsText(engine)}</p>
      </div>
    </section>
  );
}

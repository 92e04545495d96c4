import type { ComponentChildren } from "preact";
import { type Hops, hopsOf, latest, stepFactor, tokenMean } from "./averages.ts";
import { fixed, NONE, short, time, whole } from "../format.ts";
import type { PoolState } from "../live/state.ts";
import type { DecisionRecord, Percentiles, PoolReport, TrafficReport } from "../live/wire.ts";

interface Properties {
  readonly pool: PoolState;
  readonly last: PoolReport;
  readonly traffic: TrafficReport | null;
  readonly alone: boolean;
}

/** The figures a person looks for first, each with what it is to be judged by. */
export function KeyFigures({ pool, last, traffic, alone }: Properties) {
  const now = latest(pool.samples);
  const placement = pool.decisions.findLast(({ kind, movedSlots }) => kind !== "shares" && movedSlots > 0);
  // What the gateway measures is not told apart by pool.
  const whose = alone ? "" : ", all pools";
  const hops = hopsOf(last.topology);
  const factor = stepFactor(now);
  const movedBefore = pool.decisions.reduce((sum, { movedSlots }) => sum + movedSlots, 0);
  return (
    <section aria-label="Key figures">
      <dl class="figures">
        <Figure name="Tokens per second" detail={`step ${fixed(last.stepMs, 1)} ms`}>
          {whole(last.tokensPerSecond)}
        </Figure>
        <Figure
          name={`Requests in flight${whose}`}
          detail={
            traffic && `${fixed(traffic.requestsPerSecond, 1)} per second · ${whole(traffic.failed)} failed`
          }
        >
          {traffic === null ? NONE : whole(traffic.inFlight)}
        </Figure>
        <Latency name={`Time to first token${whose}`} percentiles={traffic?.ttftMs} />
        <Latency name={`Inter-token latency${whose}`} percentiles={traffic?.itlMs} />
        <Figure
          name="Balancedness"
          detail={factor === null ? null : `steps ${factor.toFixed(2)} × an even split's`}
        >
          {fixed(tokenMean(now, "balancedness"), 3)}
        </Figure>
        <Figure name={hops.name} detail={hopsBefore(placement, hops)}>
          {fixed(tokenMean(now, hops.figure), 2)}
        </Figure>
        <Figure
          name="Slots moved"
          detail={
            placement === undefined
              ? "in the decisions kept"
              : `last ${whole(placement.movedSlots)} at ${time(placement.atMs)}`
          }
        >
          {whole(movedBefore)}
        </Figure>
      </dl>
    </section>
  );
}

/** What the last placement found, where it is the same figure. */
function hopsBefore(placement: DecisionRecord | undefined, { figure }: Hops): string | null {
  const before = figure === "nodeHopsPerToken" ? (placement?.before?.nodeHops ?? null) : null;
  if (placement === undefined || before === null) return null;
  return `${fixed(before, 2)} before ${time(placement.atMs)}`;
}

function Latency({
  name,
  percentiles,
}: {
  readonly name: string;
  readonly percentiles: Percentiles | null | undefined;
}) {
  return (
    <Figure name={name} detail={percentiles ? `p95 ${short(percentiles.p95)} ms` : "no tokens yet"}>
      {percentiles ? (
        <>
          {short(percentiles.p50)} <small>ms p50</small>
        </>
      ) : (
        NONE
      )}
    </Figure>
  );
}

interface FigureProperties {
  readonly name: string;
  readonly detail: string | null;
  readonly children: ComponentChildren;
}

function Figure({ name, detail, children }: FigureProperties) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class="value">{children}</dd>
      <dd class="detail">{detail}</dd>
    </div>
  );
}

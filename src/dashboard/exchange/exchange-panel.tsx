import { useState } from "preact/hooks";
import { LEAST_OCTAVE, MOST_OCTAVE, gradient, shades } from "../experts/colour-scale.ts";
import { fixed, list, percent, time } from "../format.ts";
import type { PoolReport } from "../live/wire.ts";
import { Choice } from "../page/choice.tsx";
import { useDark } from "../page/use-dark.ts";
import type { Exchange } from "./exchange.ts";
import {
  PAIR_MEASURES,
  type PairMeasure,
  type Travel,
  byNode,
  evenTravel,
  travelOf,
} from "./exchange-figures.ts";
import { ExchangeMatrix } from "./exchange-matrix.tsx";
import { NodeTable } from "./node-table.tsx";
import { useExchange } from "./use-exchange.ts";

const NAMED = 8;

interface Properties {
  readonly pool: string;
  readonly topology: PoolReport["topology"];
  readonly operatorKey: string | null;
}

/** Who sends tokens to whom. Asked for while it is open only: the event stream does not carry it. */
export function ExchangePanel({ pool, topology, operatorKey }: Properties) {
  const [open, setOpen] = useState(false);
  const exchange = useExchange(pool, operatorKey, open);
  return (
    <details class="panel wide exchange" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>All-to-all: who sends to whom</summary>
      {exchange === undefined ? (
        <p class="awaited">Asking the gateway.</p>
      ) : typeof exchange === "string" ? (
        <p class="awaited">Not to be had: {exchange}.</p>
      ) : exchange === null ? (
        <p class="awaited">Nothing is known yet. It comes some seconds after the first tokens.</p>
      ) : exchange.selectionsPerSecond === null ? (
        <p class="awaited">
          Not known for this pool. {exchange.how} What each GPU receives is under GPU load.
        </p>
      ) : (
        <Known exchange={exchange} selections={exchange.selectionsPerSecond} topology={topology} />
      )}
    </details>
  );
}

interface KnownProperties {
  readonly exchange: Exchange;
  readonly selections: readonly (readonly number[])[];
  readonly topology: PoolReport["topology"];
}

function Known({ exchange, selections, topology }: KnownProperties) {
  const [wanted, setWanted] = useState<PairMeasure>("selections");
  const { tokensPerSecond: tokens, how, atMs, spanMs, silent } = exchange;
  const measure = tokens === null ? "selections" : wanted;
  const matrix = measure === "tokens" && tokens !== null ? tokens : selections;
  const travel = travelOf(exchange);
  return (
    <>
      {travel !== null && <TravelBar travel={travel} even={evenTravel(topology)} />}
      <div class="exchange-tools">
        <Choice
          name="pairs"
          legend="What pairs are shown by"
          options={PAIR_MEASURES.map((one) => ({
            ...one,
            disabled: one.value === "tokens" && tokens === null,
          }))}
          chosen={measure}
          choose={setWanted}
        />
        <Legend />
      </div>
      <div class="exchange-parts">
        <ExchangeMatrix exchange={exchange} matrix={matrix} measure={measure} topology={topology} />
        <div class="exchange-side">
          <Hops exchange={exchange} nodes={topology.nodes} />
          {topology.nodes > 1 && <NodeTable nodes={byNode(exchange, selections, topology)} />}
          <p class="readout">
            {how} As of {time(atMs)}, over {Math.round(spanMs / 1000)} s.
            {silent.length > 0 &&
              ` Of ${silent.length === 1 ? "GPU" : `${silent.length} GPUs,`} ${list(silent.map(String), NAMED)} nothing is known: these rows are open.`}
          </p>
        </div>
      </div>
    </>
  );
}

interface TravelProperties {
  readonly travel: Travel;
  /** What it would be if all experts were as likely. */
  readonly even: Travel;
}

/** Where selections end: parts of all, beside what an even spread would come to. */
function TravelBar({ travel, even }: TravelProperties) {
  const severalNodes = even.otherNodes > 0;
  const parts = [
    { name: "ownGpu", title: "on the token's own GPU" },
    { name: "ownNode", title: severalNodes ? "on its node, another GPU" : "on another GPU" },
    ...(severalNodes ? [{ name: "otherNodes", title: "on another node" } as const] : []),
  ] as const;
  return (
    <section class="travel" aria-label="Where the experts that tokens select are">
      <div class="travel-bar" aria-hidden="true">
        {parts.map(({ name }) => (
          <span class={name} key={name} style={{ width: `${travel[name] * 100}%` }} />
        ))}
      </div>
      <dl title="Of all selections (a token, in a layer, and one of its experts): where the replica is that it goes to. Spread: if every GPU got as many of every GPU's selections">
        {parts.map(({ name, title }) => (
          <div class={name} key={name}>
            <dt>{title}</dt>
            <dd>
              {percent(travel[name], 1)} <small>spread {percent(even[name], 1)}</small>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Hops({ exchange, nodes }: { readonly exchange: Exchange; readonly nodes: number }) {
  const { hopsPerToken, nodeHopsPerToken } = exchange;
  if (hopsPerToken === null)
    return (
      <p class="readout">
        How many other GPUs and nodes a token is sent to is not known: counts do not say which experts it has
        together.
      </p>
    );
  return (
    <p title="Other nodes, and other GPUs, that a token is sent to in a layer. Defined as the key figure, which is over ten seconds; the matrix by tokens sent adds up to it, where different ones are nodes or GPUs">
      {nodes > 1 && (
        <>
          <strong>{fixed(nodeHopsPerToken, 2)}</strong> node hops per token,{" "}
        </>
      )}
      <strong>{fixed(hopsPerToken, 2)}</strong> to other GPUs
    </p>
  );
}

function Legend() {
  const dark = useDark();
  const octaves = Array.from({ length: MOST_OCTAVE - LEAST_OCTAVE + 1 }, (_, i) => LEAST_OCTAVE + i);
  return (
    <span class="legend readout">
      relative to an even pair
      <span class="legend-scale" style={{ background: gradient(shades(dark)) }}>
        {octaves.map((octave, i) => (
          <span key={octave} style={{ left: `${(i / (octaves.length - 1)) * 100}%` }}>
            {i === 0 ? "≤\u2009" : i === octaves.length - 1 ? "≥\u2009" : ""}
            {octave < 0 ? `1/${2 ** -octave}` : 2 ** octave}×
          </span>
        ))}
      </span>
    </span>
  );
}

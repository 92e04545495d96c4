import { useMemo } from "preact/hooks";
import { ScaleLegend } from "../experts/heat-map-legend.tsx";
import { relativeScale } from "../experts/map-scale.ts";
import { list, time } from "../format.ts";
import type { PoolReport } from "../live/wire.ts";
import { Choice } from "../page/choice.tsx";
import { useDark } from "../page/use-dark.ts";
import { Hops, TravelBar } from "./travel.tsx";
import { BlockMatrix } from "./block-matrix.tsx";
import { blockFigures } from "./block-figures.ts";
import type { Exchange, GpuBlock, NodeBlock } from "./exchange.ts";
import { PAIR_MEASURES, type PairMeasure, byNode, evenTravel, travelOf } from "./exchange-figures.ts";
import { ExchangeMatrix } from "./exchange-matrix.tsx";
import { NodeChoice } from "./node-choice.tsx";
import { NodeTable } from "./node-table.tsx";
import { useExchange } from "./use-exchange.ts";

const NAMED = 8;

interface Properties {
  readonly pool: string;
  readonly topology: PoolReport["topology"];
  readonly operatorKey: string | null;
  /** Whose GPUs are looked at; null where the panel is closed. */
  readonly view: NodeBlock | null;
  readonly setView: (view: NodeBlock | null) => void;
  readonly measure: PairMeasure;
  readonly setMeasure: (measure: PairMeasure) => void;
}

const ALL_NODES: NodeBlock = { from: null, to: null };

/** Who sends tokens to whom. Asked for while it is open only: the event stream does not carry it. */
export function ExchangePanel(properties: Properties) {
  const { pool, topology, operatorKey, view, setView, measure, setMeasure } = properties;
  const found = useExchange(pool, view, operatorKey, view !== null);
  const exchange = typeof found === "object" ? found.exchange : found;
  const block = view ?? ALL_NODES;
  const isAnswer = typeof found === "object" && found.from === block.from && found.to === block.to;
  return (
    <details
      class="panel wide exchange"
      open={view !== null}
      onToggle={({ currentTarget: { open } }) => {
        if (open !== (view !== null)) setView(open ? ALL_NODES : null);
      }}
    >
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
        <Known
          exchange={exchange}
          selections={exchange.selectionsPerSecond}
          topology={topology}
          nodes={block}
          setNodes={setView}
          block={isAnswer ? found.block : undefined}
          wanted={measure}
          setWanted={setMeasure}
        />
      )}
    </details>
  );
}

interface KnownProperties {
  readonly exchange: Exchange;
  readonly selections: readonly (readonly number[])[];
  readonly topology: PoolReport["topology"];
  readonly nodes: NodeBlock;
  readonly setNodes: (nodes: NodeBlock) => void;
  /** Their GPUs; undefined while they are asked for, null where they are not known. */
  readonly block: GpuBlock | null | undefined;
  readonly wanted: PairMeasure;
  readonly setWanted: (measure: PairMeasure) => void;
}

function Known(properties: KnownProperties) {
  const { exchange, selections, topology, nodes, setNodes, block, wanted, setWanted } = properties;
  const { tokensPerSecond: tokens, how, atMs, spanMs, silent } = exchange;
  const byNodes = exchange.by === "node";
  const isBlock = byNodes && (nodes.from !== null || nodes.to !== null);
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
        {byNodes && <NodeChoice nodes={topology.nodes} block={nodes} choose={setNodes} />}
        <Legend of={isBlock ? "pair of GPUs" : "pair"} />
      </div>
      <div class={isBlock && nodes.to === null ? "exchange-parts long" : "exchange-parts"}>
        {isBlock ? (
          <Block
            block={block}
            measure={measure}
            silent={silent}
            topology={topology}
            leave={() => setNodes(ALL_NODES)}
          />
        ) : (
          <ExchangeMatrix
            exchange={exchange}
            matrix={matrix}
            measure={measure}
            topology={topology}
            lookInto={byNodes ? ({ row, column }) => setNodes({ from: row, to: column }) : null}
          />
        )}
        <div class="exchange-side">
          <Hops exchange={exchange} nodes={topology.nodes} />
          {topology.nodes > 1 && <NodeTable nodes={byNode(exchange, selections, topology)} />}
          <p class="readout">
            {how} As of {time(atMs)}, over {Math.round(spanMs / 1000)} s
            {isBlock && block ? `; GPUs as of ${time(block.atMs)}.` : "."}
            {silent.length > 0 &&
              ` Of ${silent.length === 1 ? "GPU" : `${silent.length} GPUs,`} ${list(silent.map(String), NAMED)} nothing is known: these rows are open.`}
          </p>
        </div>
      </div>
    </>
  );
}

function Legend({ of }: { readonly of: string }) {
  const dark = useDark();
  return (
    <span class="readout">
      <ScaleLegend scale={{ ...relativeScale(dark, "load"), title: `relative to an even ${of}` }} />
    </span>
  );
}

interface BlockProperties {
  readonly block: GpuBlock | null | undefined;
  readonly measure: PairMeasure;
  readonly silent: readonly number[];
  readonly topology: PoolReport["topology"];
  readonly leave: () => void;
}

/** The GPUs of some nodes. */
function Block({ block, measure, silent, topology, leave }: BlockProperties) {
  const figures = useMemo(
    () => (block === undefined || block === null ? null : blockFigures(block, measure, silent)),
    [block, measure, silent],
  );
  if (figures !== null) return <BlockMatrix figures={figures} topology={topology} leave={leave} />;
  return (
    <p class="awaited">
      {block === undefined
        ? "Asking the gateway."
        : "GPU by GPU it is not known, or not yet: it comes up to twenty seconds after the first tokens, for pools of up to 512 GPUs."}
    </p>
  );
}

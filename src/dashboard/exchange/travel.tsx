import { fixed, percent } from "../format.ts";
import type { Exchange } from "./exchange.ts";
import type { Travel } from "./exchange-figures.ts";

interface TravelProperties {
  readonly travel: Travel;
  /** What it would be if all experts were as likely. */
  readonly even: Travel;
}

/** Where selections end: parts of all, beside what an even spread would come to. */
export function TravelBar({ travel, even }: TravelProperties) {
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

/** How far tokens travel, as the key figure has it. */
export function Hops({ exchange, nodes }: { readonly exchange: Exchange; readonly nodes: number }) {
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

import { brief, percent } from "../format.ts";
import { type Matrix, nodeTraffic, sum } from "./exchange-figures.ts";

interface Properties {
  /** `[nodes][nodes]`, selections per second. */
  readonly nodes: Matrix;
}

/** What each node keeps, sends and receives. */
export function NodeTable({ nodes }: Properties) {
  const all = sum(nodes);
  const figure = (value: number) => (
    <td class="number">
      {brief(value)} <small>{percent(all === 0 ? 0 : value / all, 1)}</small>
    </td>
  );
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label="Table of nodes">
      <table>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th
              scope="col"
              class="number"
              title="Selections per second by tokens on the node of experts on it, and in parts of all"
            >
              Within
            </th>
            <th
              scope="col"
              class="number"
              title="Selections per second by tokens on the node of experts on others, and in parts of all"
            >
              Sends
            </th>
            <th
              scope="col"
              class="number"
              title="Selections per second by tokens on other nodes of experts on it, and in parts of all"
            >
              Receives
            </th>
          </tr>
        </thead>
        <tbody>
          {nodeTraffic(nodes).map((one) => (
            <tr key={one.node} data-testid="node-traffic">
              <th scope="row">{one.node}</th>
              {figure(one.within)}
              {figure(one.sent)}
              {figure(one.received)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

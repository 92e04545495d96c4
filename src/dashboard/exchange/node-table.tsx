import { brief, percent } from "../format.ts";
import { type Matrix, nodeTraffic, sum } from "./exchange-figures.ts";
import { DataTable, NumberHead, TextHead } from "../page/data-table.tsx";

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
    <DataTable
      label="Table of nodes"
      head={
        <>
          <TextHead name="Node" />
          <NumberHead
            name="Within"
            what="Selections per second by tokens on the node of experts on it, and in parts of all"
          />
          <NumberHead
            name="Sends"
            what="Selections per second by tokens on the node of experts on others, and in parts of all"
          />
          <NumberHead
            name="Receives"
            what="Selections per second by tokens on other nodes of experts on it, and in parts of all"
          />
        </>
      }
    >
      {nodeTraffic(nodes).map((one) => (
        <tr key={one.node} data-testid="node-traffic">
          <th scope="row">{one.node}</th>
          {figure(one.within)}
          {figure(one.sent)}
          {figure(one.received)}
        </tr>
      ))}
    </DataTable>
  );
}

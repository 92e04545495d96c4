import type { NodeBlock } from "./exchange.ts";

interface Properties {
  readonly nodes: number;
  readonly block: NodeBlock;
  readonly choose: (block: NodeBlock) => void;
}

const ALL = "all";

/** Which nodes' GPUs to look at: of senders, of receivers, or of a pair. */
export function NodeChoice({ nodes, block, choose }: Properties) {
  const side = (name: keyof NodeBlock, title: string) => (
    <label>
      {title}
      <select
        value={block[name] === null ? ALL : String(block[name])}
        onChange={({ currentTarget: { value } }) =>
          choose({ ...block, [name]: value === ALL ? null : Number(value) })
        }
      >
        <option value={ALL}>all nodes</option>
        {Array.from({ length: nodes }, (_, node) => (
          <option key={node} value={String(node)}>
            node {node}
          </option>
        ))}
      </select>
    </label>
  );
  const isBlock = block.from !== null || block.to !== null;
  return (
    <span class="node-choice" title="The GPUs of a node, or of a pair of nodes: also by a click on a pair">
      GPUs {side("from", "from")} {side("to", "to")}
      {isBlock && (
        <button type="button" onClick={() => choose({ from: null, to: null })}>
          Back to nodes
        </button>
      )}
    </span>
  );
}

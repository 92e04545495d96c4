import fc from "fast-check";
import { expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { LAYERS, dispatchCase } from "../random-dispatch.ts";
import { runs } from "../runs.ts";

it.each(DISPATCH_POLICIES)("%s: refuses an id out of range, naming the token and the layer", (policy) => {
  const stray = fc.record({
    dispatch: dispatchCase.filter(({ batch }) => batch.tokens > 0),
    token: fc.nat(),
    k: fc.nat(),
    layer: fc.integer({ min: 0, max: LAYERS - 1 }),
    beyond: fc.integer({ min: 0, max: 1000 }),
    negative: fc.boolean(),
  });
  fc.assert(
    fc.property(stray, ({ dispatch: { map, batch, seed }, token, k, layer, beyond, negative }) => {
      const { tokens, rows, rowStride, topk } = batch;
      const { experts } = map.placement;
      const id = negative ? -2 - beyond : experts + beyond;
      const row = rows[token % tokens];
      const ids = batch.experts.slice();
      ids[row * rowStride + layer * topk + (k % topk)] = id;
      const dispatcher = new Dispatcher(map.placement, replicaChooser(policy, map, seed));
      for (let each = 0; each < LAYERS; each++) {
        const choose = () => dispatcher.choose(each, each * topk, { ...batch, experts: ids });
        if (each !== layer) expect(choose).not.toThrow();
        else {
          // Several tokens may be of the same row; the first is named.
          const message = `token ${rows.indexOf(row)} layer ${layer} has expert ${id}; expected 0..${experts - 1}`;
          expect(choose).toThrow(new RangeError(`${message}, or -1 for none`));
        }
      }
    }),
    { seed: 1, numRuns: runs(40) },
  );
});

it.each([-1, 20])("refuses a batch whose rows are not among the ids (row %i of 20)", (row) => {
  fc.assert(
    fc.property(
      dispatchCase.filter(({ batch }) => batch.tokens > 0),
      ({ map, batch, seed }) => {
        const rows = batch.rows.slice();
        rows[rows.length - 1] = row;
        const dispatcher = new Dispatcher(map.placement, replicaChooser("priced", map, seed));
        expect(() => dispatcher.choose(0, 0, { ...batch, rows })).toThrow(
          `token ${rows.length - 1} layer 0 has expert undefined`,
        );
      },
    ),
    { seed: 2, numRuns: runs(10) },
  );
});

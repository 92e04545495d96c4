import type { ConsumerDispatch } from "../../../model/consumer-dispatch.ts";
import type { Consumer } from "./consumer.ts";
import { even } from "./even.ts";
import { priced } from "./priced.ts";
import { rankTableConsumer } from "./rank-table.ts";
import { shares } from "./shares.ts";
import { staticConsumer } from "./static.ts";

const CONSUMERS: Readonly<Record<ConsumerDispatch, Consumer>> = {
  shares,
  even,
  static: staticConsumer,
  "rank-table": rankTableConsumer,
  priced,
};

/** How placements are made and judged for engines that dispatch in this way. */
export function consumerOf(dispatch: ConsumerDispatch): Consumer {
  return CONSUMERS[dispatch];
}

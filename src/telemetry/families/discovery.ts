import { type Family, counter, gauge } from "../family.ts";
import type { Readings } from "../readings.ts";

/** Of the sources that servers are found by. */
export function discoveryFamilies({ sources }: Readings): Family[] {
  return [
    gauge(
      "plimsoll_discovery_readable",
      ["source"],
      "1 while a source of servers can be read; while it is 0, the servers that it found last stay",
      (observe) => {
        for (const { source, isReadable } of sources()) observe(Number(isReadable), source);
      },
    ),
    gauge("plimsoll_discovery_servers", ["source"], "Servers of a source that are in use", (observe) => {
      for (const { source, servers } of sources()) observe(servers, source);
    }),
    counter(
      "plimsoll_discovery_changes_total",
      ["source"],
      "Times that a source had another list of servers than before",
      (observe) => {
        for (const { source, changes } of sources()) observe(changes, source);
      },
    ),
  ];
}

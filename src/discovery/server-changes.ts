import type { Config, ServersConfig } from "../config/config.ts";
import { serversOf } from "./pool-servers.ts";

/** The most that one line names. */
const MOST_NAMED = 5;

/** Which of the servers that are found have come and gone since another configuration: one line a pool. */
export function serverChanges(before: Config, after: Config): readonly string[] {
  return after.pools.flatMap((pool) => {
    const old = before.pools.find(({ name }) => name === pool.name);
    if (old === undefined || serversOf(pool).every(({ discover }) => discover === null)) return [];
    const [was, is] = [old, pool].map((one) => new Map(serversOf(one).flatMap(instancesIn)));
    const came = [...is].flatMap(([instance, called]) => (was.has(instance) ? [] : [called]));
    const went = [...was].flatMap(([instance, called]) => (is.has(instance) ? [] : [called]));
    if (came.length === 0 && went.length === 0) return [];
    const parts = [
      ...(came.length === 0 ? [] : [`${named(came)} joined`]),
      ...(went.length === 0 ? [] : [`${named(went)} left`]),
    ];
    return [`pool ${pool.name}: ${parts.join(", ")}; it has ${is.size} server${is.size === 1 ? "" : "s"}`];
  });
}

function instancesIn({ urls, names }: ServersConfig): readonly (readonly [string, string])[] {
  return urls.map((url, i) => {
    const name = names[i];
    return name === null ? [url, url] : [`${name.name} ${name.uid} ${url}`, name.name];
  });
}

function named(all: readonly string[]): string {
  const more = all.length > MOST_NAMED ? ` and ${all.length - MOST_NAMED} more` : "";
  return all.slice(0, MOST_NAMED).join(", ") + more;
}

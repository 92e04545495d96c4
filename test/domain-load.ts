import { expect } from "vitest";
import { type DomainServer, domainPrompt } from "../harness/fakes/domain-server.ts";
import type { LocalityReport } from "../src/serving/locality/locality-report.ts";

const DOMAINS = 4;
const AT_A_TIME = 24;

/** Two pools, `a` and `b`, of a server each, for the model `small`. */
export function domainPools(servers: readonly DomainServer[], experts: string, locality: string): string {
  const pools = servers.map(
    ({ url }, i) =>
      `{ name: ${"ab"[i]}, kind: sglang, models: [small], urls: [${url}], experts: ${experts} }`,
  );
  return `
health: { probe: { intervalMs: 60000 } }
models: { small: { locality: ${locality} } }
pools: [${pools.join(", ")}]
`;
}

/** Requests of some domains, so many at a time, each with its own end. @param url of the i-th */
export async function sendDomains(
  url: (i: number) => string,
  count: number,
  begin = 0,
  domainOf = (i: number) => (i * 7) % DOMAINS,
): Promise<void> {
  let next = begin;
  const client = async () => {
    for (let i = next++; i < begin + count; i = next++) {
      const response = await fetch(`${url(i)}/v1/completions`, {
        method: "POST",
        body: JSON.stringify({
          model: "small",
          stream: true,
          max_tokens: 64,
          user: `user ${i}`,
          prompt: domainPrompt(domainOf(i), `question ${i}`),
        }),
      });
      expect(response.status).toBe(200);
      expect(await response.text()).toMatch(/^(?:data: .*word.*\n\n){4}data: \[DONE\]/);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, client));
}

/** Of the last requests of each server, the part that goes where most of its domain goes. */
export function together(servers: readonly DomainServer[], since: readonly number[]): number {
  const late = servers.map(({ domains }, i) => domains.slice(since[i]));
  let most = 0;
  for (let domain = 0; domain < DOMAINS; domain++)
    most += Math.max(...late.map((domains) => domains.filter((one) => one === domain).length));
  return most / late.flat().length;
}

/** Requests that each server has had. */
export function hadBy(servers: readonly DomainServer[]): number[] {
  return servers.map(({ domains }) => domains.length);
}

export async function localityOf(url: string): Promise<LocalityReport> {
  const response = await fetch(`${url}/admin/locality/small`);
  expect(response.status).toBe(200);
  return (await response.json()) as LocalityReport;
}

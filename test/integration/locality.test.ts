import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DomainServer, domainPrompt, startDomainServer } from "../../harness/fakes/domain-server.ts";
import { ProxyClient } from "../../harness/envoy/proxy-client.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { chatBody, chatHeaders } from "../picker-case.ts";
import { domainPools, hadBy, localityOf, sendDomains, together } from "../domain-load.ts";

let folder: ScratchFolder;
let servers: DomainServer[];
let gateway: RunningGateway;
let experts: string;

beforeEach(async () => {
  folder = await scratchFolder();
  experts = (await smallGroup(folder)).replace(" }", ", routedExperts: 1 }");
  servers = await Promise.all([startDomainServer(SMALL_MODEL, 1), startDomainServer(SMALL_MODEL, 2)]);
});

afterEach(async () => {
  await gateway.stop();
  for (const server of servers) await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const settings = (locality: string) => domainPools(servers, experts, locality);
const send = (count: number, begin = 0) => sendDomains(() => gateway.url, count, begin);
const soFar = () => hadBy(servers);
const report = () => localityOf(gateway.url);

async function choices(): Promise<string[]> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith("plimsoll_pool_choices_total"));
  return lines.filter((line) => !line.endsWith(" 0")).map((line) => /why="(\w+)"/.exec(line)?.[1] ?? "");
}

describe("requests of a model that several pools serve", () => {
  test("go where their like are, and both pools stay as full", async () => {
    gateway = await startGateway(settings("{ mode: on, loadBand: 0.2 }"));
    await send(200);
    const since = soFar();
    await send(120, 200);
    expect(together(servers, since)).toBeGreaterThan(0.8);
    const late = soFar().map((all, i) => all - since[i]);
    expect(Math.max(...late) / 60).toBeLessThan(1.3);
    expect(soFar().reduce((sum, one) => sum + one, 0)).toBe(320);
    expect(gateway.faults).toEqual([]);
    expect(await choices()).toContain("locality");
    const { known, pools, choices: made } = await report();
    expect(known.by.prefix + known.by.turns).toBeGreaterThan(250);
    expect(pools.map(({ pool, requests }) => [pool, requests.locality])).toEqual(
      soFar().map((requests, i) => ["ab"[i], requests]),
    );
    expect(made).toEqual({ sent: 320, byExperts: known.requests - known.by.nothing, elsewhere: 0 });
    // What a pool's server no longer takes goes to the other, and nothing is held of what is over.
    const [gone] = servers.splice(1);
    await gone[Symbol.asyncDispose]();
    await send(40, 320);
    expect(servers[0].domains.length + gone.domains.length).toBe(360);
    expect(gateway.app.localities.find("small")?.inFlight).toBe(0);
  });

  test("go there too where a proxy carries them", async () => {
    gateway = await startGateway(`picker: { port: 0 }\n${settings("{ mode: on, loadBand: 0.2 }")}`);
    await send(200);
    const since = soFar();
    await send(80, 200);
    const proxy = new ProxyClient(gateway.picker ?? "");
    try {
      let alike = 0;
      for (let domain = 0; domain < 4; domain++) {
        const had = servers.map(
          ({ domains }, i) => domains.slice(since[i]).filter((one) => one === domain).length,
        );
        const { url } = servers[had.indexOf(Math.max(...had))];
        const prompt = domainPrompt(domain, "another question");
        const stream = proxy
          .begin()
          .say(
            chatHeaders([":path", "/v1/completions"]),
            chatBody(JSON.stringify({ model: "small", max_tokens: 64, prompt })),
          );
        const [{ endpoints }] = await stream.answers(2);
        if (`http://${endpoints}` === url) alike++;
        await stream.end();
      }
      expect(alike).toBeGreaterThanOrEqual(3);
      expect((await report()).choices.sent).toBe(284);
    } finally {
      proxy.close();
    }
  });

  test("are sent as without in the shadow, which says where they would go; one reload switches on and back", async () => {
    gateway = await startGateway(settings("{ mode: shadow, loadBand: 0.2 }"));
    await send(160);
    const shadow = await report();
    expect(await choices()).not.toContain("locality");
    expect(together(servers, [0, 0])).toBeLessThan(0.75);
    expect(shadow.comparison).toBe("shadow");
    expect(shadow.choices.elsewhere).toBeGreaterThan(25);
    const would = shadow.pools.map(({ requests }) => requests.locality);
    expect(would.reduce((sum, one) => sum + one, 0)).toBe(160);
    expect(Math.max(...would) / 80).toBeLessThan(1.3);

    // What the shadow has learned serves at once.
    const on = soFar();
    await gateway.reload(settings("{ mode: on, loadBand: 0.2 }"));
    await send(100, 160);
    expect(together(servers, on)).toBeGreaterThan(0.75);
    expect((await report()).known.by.nothing).toBe(0);

    await gateway.reload(settings("{ mode: off }"));
    const off = soFar();
    await send(100, 260);
    expect(together(servers, off)).toBeLessThan(0.75);
    expect((await fetch(`${gateway.url}/admin/locality/small`)).status).toBe(404);
    expect(soFar().reduce((sum, one) => sum + one, 0)).toBe(360);
    expect(gateway.faults).toEqual([]);
  });

  test("are compared by session: an arm is a session's, and each is measured", async () => {
    gateway = await startGateway(settings("{ mode: on, percent: 50, loadBand: 0.2 }"));
    await send(160);
    const { comparison, pools, times } = await report();
    expect(comparison).toBe("sessions");
    const sent = (arm: "control" | "locality") => pools.reduce((sum, { requests }) => sum + requests[arm], 0);
    expect(sent("control") + sent("locality")).toBe(160);
    expect(sent("locality")).toBeGreaterThan(50);
    expect(sent("control")).toBeGreaterThan(50);
    const { ms } = times?.tpot ?? expect.fail();
    expect([ms.control?.count, ms.locality?.count]).toEqual([sent("control"), sent("locality")]);
    expect(ms.control?.units).toBeGreaterThan(30);
    const page = await fetch(`${gateway.url}/admin/locality/small`, { headers: { accept: "text/html" } });
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(await page.text()).toContain("What this does not show");
    expect((await fetch(`${gateway.url}/admin/locality/small?format=xml`)).status).toBe(400);
  });
});

import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificate, certificateAuthority } from "../../harness/certificates.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { resultHere } from "../run-here.ts";

let folder: ScratchFolder;
let own: Certificate;
let caFile: string;
beforeAll(async () => {
  folder = await scratchFolder();
  const ca = await certificateAuthority(folder, "ca");
  caFile = ca.caFile;
  own = await ca.issue("own");
});
afterAll(() => folder[Symbol.asyncDispose]());

function settings(tls: string): string {
  return `http: { ${tls}admin: { port: 0 } }\n${chatPool("http://127.0.0.1:1")}`;
}

const portOf = (url: string) => new URL(url).port;
const files = (more = "") => `tls: { certFile: ${own.certFile}, keyFile: ${own.keyFile}${more} }, `;

describe.each([
  ["in the clear", () => "", "answers 200 to /health", "answers 503 to /ready"],
  ["over TLS", () => files(), "answers 200 to /health", "answers 503 to /ready"],
  [
    "with certificates of clients",
    () => files(`, clientCaFile: ${caFile}`),
    "asks for a certificate",
    "asks for a certificate: whether it can serve is not said without; name another listener",
  ],
])("a gateway %s", (_, tls, health, ready) => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway(settings(tls()));
  });
  afterAll(() => gateway.stop());

  test("is there, whatever is said of how it speaks, and cannot serve", async () => {
    // Nobody says to a container's check whether there is TLS.
    const url = `http://127.0.0.1:${portOf(gateway.url)}`;
    for (const asked of [url, gateway.url]) {
      expect(await resultHere("health", "--url", asked)).toMatchObject({
        code: 0,
        stdout: `${asked} ${health}\n`,
      });
      expect(await resultHere("health", "--url", asked, "--ready")).toMatchObject({
        code: 1,
        stdout: `${asked} ${ready}\n`,
      });
    }
    const admin = gateway.admin ?? "";
    const { code, stdout } = await resultHere("health", "--url", admin, "--json");
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      { url: admin, healthy: true, found: "answers 200 to /health" },
    ]);
    // It asks in the clear first, which is no client's fault.
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    expect(metrics).not.toMatch(/plimsoll_refused_total\{[^}]*invalid_request[^}]*\} [1-9]/);
  });
});

test("where nobody listens, or nobody answers, it is not", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const result = await resultHere("health", "--url", `http://127.0.0.1:${port}`);
  expect(result).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("does not answer within") as string,
  });
  silent.close();
  const gone = await resultHere("health", "--url", `http://127.0.0.1:${port}`);
  expect(gone).toMatchObject({ code: 1, stdout: expect.stringContaining("ECONNREFUSED") as string });
  expect(await resultHere("health", "--url", "ftp://a")).toMatchObject({ code: 2 });
});

import { createServer } from "node:http";
import { Pool } from "undici";

/**
 * A process: the least that Node's HTTP server and undici can be made a proxy of, in turn over its engines, without any
 * rule, limit, account or care for what breaks. Its arguments: a port, then the engines' URLs.
 */
const [port, ...urls] = process.argv.slice(2);
const pools = urls.map((url) => new Pool(url, { headersTimeout: 0, bodyTimeout: 0 }));
const NOT_RETURNED = new Set(["connection", "keep-alive", "transfer-encoding"]);
let next = 0;

const server = createServer((request, response) => {
  if (request.method === "GET") return void response.end("ok");
  const read: Buffer[] = [];
  request.on("data", (bytes: Buffer) => read.push(bytes));
  request.on("end", () => {
    // The last chunk waits: the end of the answer may follow it at once.
    let last: Buffer | null = null;
    const handler = {
      onConnect() {},
      onHeaders(status: number, raw: Buffer[]) {
        const headers: string[] = [];
        for (let i = 0; i < raw.length; i += 2) {
          const name = raw[i].toString("latin1");
          if (!NOT_RETURNED.has(name.toLowerCase())) headers.push(name, raw[i + 1].toString("latin1"));
        }
        response.writeHead(status, headers);
        return true;
      },
      onData(chunk: Buffer) {
        if (last !== null) response.write(last);
        last = chunk;
        return true;
      },
      onComplete() {
        response.end(last ?? undefined);
      },
      onError(error: Error) {
        response.destroy(error);
      },
    };
    const path = request.url ?? "/";
    const headers = ["content-type", "application/json"];
    pools[next++ % pools.length].dispatch(
      { method: "POST", path, headers, body: Buffer.concat(read) },
      handler,
    );
  });
});
server.listen(Number(port), "127.0.0.1");

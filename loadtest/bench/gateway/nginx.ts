import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed, versionSaid } from "./installed.ts";
import type { Address } from "./load.ts";
import { freePort, startRouter } from "./router-process.ts";
import type { Router } from "./router.ts";

/** Idle connections to the engines; more than there are ever in use. */
const KEPT = 1024;

/** A plain reverse proxy: no inference routing, no body read beyond what it must buffer. */
export const nginx: Router = {
  name: "nginx",
  everywhere: true,
  start: async (engines, folder) => {
    const file = await installed("nginx", null);
    const port = await freePort();
    const path = join(folder, "nginx.conf");
    await writeFile(path, configuration(engines, port, folder));
    const args = ["-c", path, "-p", folder, "-e", join(folder, "error.log")];
    const version = await versionSaid(file, "-v");
    const about = `nginx ${version}: 1 worker, least_conn, keep-alive to the engines, proxy_buffering off, no access log`;
    return startRouter({ file, args, port, about }, folder);
  },
};

function configuration(engines: readonly Address[], port: number, folder: string): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
events { worker_connections 8192; }
http {
  access_log off;
${paths.map((name) => `  ${name}_temp_path ${join(folder, name)};`).join("\n")}
  keepalive_requests 100000000;
  client_body_buffer_size 64k;
  client_max_body_size 32m;
  upstream engines {
    least_conn;
${engines.map(({ host, port: engine }) => `    server ${host}:${engine};`).join("\n")}
    keepalive ${KEPT};
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://engines;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`;
}

import { existsSync } from "node:fs";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { packageFile } from "../files/package-files.ts";

const BUILT = packageFile("dist/dashboard");

/** The dashboard's files at `/`, as `npm run build:dashboard` leaves them. */
export async function dashboard(app: FastifyInstance): Promise<void> {
  if (existsSync(BUILT)) {
    // A route for each file: any other path has no route, whatever the method.
    const files = { root: BUILT, decorateReply: false, wildcard: false };
    await app.register(fastifyStatic, { ...files, preCompressed: true, globIgnore: ["**/*.br", "**/*.gz"] });
  } else {
    const text = "The dashboard is not built: run `npm run build:dashboard` and start again.\n";
    app.get("/", (_request, reply) => reply.type("text/plain; charset=utf-8").send(text));
  }
}

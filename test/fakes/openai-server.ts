/**
 * An OpenAI-compatible server in a process of its own: `node openai-server.ts PORT`. What it answers follows from
 * the request alone; `safety_identifier` asks for trouble. `GET /fake/seen` tells what reached it.
 */
import { serveEngine } from "./engine-server.ts";

await serveEngine(() => false);

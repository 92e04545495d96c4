import { Command, Option } from "commander";
import { type Health, askOwnHealth } from "./ask-own-health.ts";
import { InputError } from "../lib/errors.ts";
import { jsonOption } from "./options.ts";
import { output } from "./output.ts";

interface HealthFlags {
  readonly url?: string;
  readonly ready?: true;
  readonly json?: true;
}

const PORT = "PLIMSOLL_HTTP_PORT";
const DEFAULT_PORT = "8080";
/** Below what containers wait for a check. */
const TIMEOUT_MS = 2500;
const UNHEALTHY = 1;

/** `health`: for supervisors that ask by a command, as containers do. */
export function healthCommand(): Command {
  return new Command("health")
    .description("Ask a gateway on this machine whether it is there (exit 0) or not (exit 1).")
    .addOption(
      new Option(
        "--url <url>",
        `where it listens (default: http://127.0.0.1 and the port in ${PORT}, or 8080)`,
      ),
    )
    .option("--ready", "ask whether it can serve")
    .addOption(jsonOption())
    .exitOverride()
    .action(sayHealth);
}

async function sayHealth({ url, ready, json }: HealthFlags): Promise<void> {
  const written = url ?? `http://127.0.0.1:${process.env[PORT] ?? DEFAULT_PORT}`;
  const health = await askOwnHealth(listenerAt(written), ready === true ? "/ready" : "/health", TIMEOUT_MS);
  const { healthy, found }: Health = health;
  output(json ?? false).result({ url: written, ...health }, `${written} ${found}`);
  if (!healthy) process.exitCode = UNHEALTHY;
}

/** @throws InputError */
function listenerAt(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new InputError("--url", "", `is ${text}; expected a gateway's URL, e.g. http://127.0.0.1:8080`);
}

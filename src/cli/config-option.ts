import { Option } from "commander";
import { InputError } from "../lib/errors.ts";

export function configOption(): Option {
  return new Option(
    "--config <file>",
    "configuration: the pools to serve, and what differs from config/default.yaml",
  );
}

/** @throws InputError where none was given: what serves people is written down, never made up */
export function configPath(given: string | undefined): string {
  if (given !== undefined) return given;
  throw new InputError(
    "--config",
    "",
    "is missing; name a configuration file, or run `demo` for a simulated pool",
  );
}

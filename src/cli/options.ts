import { type Command, InvalidArgumentError, Option } from "commander";

/** How a pool's GPUs are named (config/topologies.ts). */
export const TOPOLOGY_FORMS =
  "the GPUs: nodes x GPUs x slots (4x8x9; 4x8 for an eighth more slots than experts), a name or a file";

/** Above this no count a person gives is meant. */
const MOST = 1_048_576;

/** An option that takes an integer ≥ 1. */
export function countOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const count = /^\d+$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > MOST) throw new InvalidArgumentError(`Give an integer in 1..${MOST}.`);
    return count;
  });
}

export function jsonOption(): Option {
  return new Option("--json", "say the result as one JSON object");
}

/** An option that takes a finite number above 0. */
export function positiveOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("Give a number above 0.");
    return value;
  });
}

/** An option that takes a TCP port; 0 stands for any free one. */
export function portOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const port = /^\d+$/.test(text) ? Number(text) : -1;
    if (port < 0 || port > 65_535) throw new InvalidArgumentError("Give a port in 0..65535.");
    return port;
  });
}

/**
 * Ends a command that lacks one of these options, as commander does for required ones. It is for a command with commands
 * of its own: what commander takes for required, these would have to be given too.
 * @param names as in the flags, e.g. `trace`
 */
export function requireOptions(command: Command, names: readonly string[]): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (!names.includes(name) || command.getOptionValue(name) !== undefined) continue;
    command.error(`error: required option '${option.flags}' not specified`);
  }
}

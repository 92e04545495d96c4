import { Command } from "commander";

/** The whole command line. Each command is one file beside this one. */
export function program(): Command {
  return new Command("plimsoll")
    .description("An expert-parallel inference load balancer for mixture-of-experts models.")
    .showHelpAfterError(false)
    .exitOverride();
}

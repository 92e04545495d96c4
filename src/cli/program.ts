import { Command } from "commander";
import { convertCommand } from "./convert.ts";
import { dispatchCommand } from "./dispatch.ts";
import { placeCommand } from "./place.ts";
import { replayCommand } from "./replay.ts";

/** The whole command line. Each command is one file beside this one. */
export function program(): Command {
  const root = new Command("plimsoll")
    .description("An expert-parallel inference load balancer for mixture-of-experts models.")
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll(/\s+/g, " ")}\n`) })
    .addCommand(convertCommand())
    .addCommand(dispatchCommand())
    .addCommand(placeCommand())
    .addCommand(replayCommand());
  for (const command of root.commands) command.copyInheritedSettings(root);
  return root;
}

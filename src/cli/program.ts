import { Command } from "commander";
import { checkCommand } from "./check.ts";
import { convertCommand } from "./convert.ts";
import { demoCommand } from "./demo.ts";
import { dispatchCommand } from "./dispatch.ts";
import { placeCommand } from "./place.ts";
import { planCommand } from "./plan.ts";
import { replayCommand } from "./replay.ts";
import { serveCommand } from "./serve.ts";
import { simulateCommand } from "./simulate.ts";

/** The whole command line. Each command is one file beside this one. */
export function program(): Command {
  const root = new Command("plimsoll")
    .description("An expert-parallel inference load balancer for mixture-of-experts models.")
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll(/\s+/g, " ")}\n`) })
    .addCommand(checkCommand())
    .addCommand(convertCommand())
    .addCommand(demoCommand())
    .addCommand(dispatchCommand())
    .addCommand(placeCommand())
    .addCommand(planCommand())
    .addCommand(replayCommand())
    .addCommand(serveCommand())
    .addCommand(simulateCommand());
  for (const command of root.commands) command.copyInheritedSettings(root);
  return root;
}

import { Command } from "commander";
import { ownVersion } from "../files/own-version.ts";

/** One file per command; only the one that runs is loaded. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  check: async () => (await import("./check.ts")).checkCommand(),
  convert: async () => (await import("./convert.ts")).convertCommand(),
  demo: async () => (await import("./demo.ts")).demoCommand(),
  dispatch: async () => (await import("./dispatch.ts")).dispatchCommand(),
  health: async () => (await import("./health.ts")).healthCommand(),
  init: async () => (await import("./init.ts")).initCommand(),
  key: async () => (await import("./key.ts")).keyCommand(),
  locality: async () => (await import("./locality/command.ts")).localityCommand(),
  models: async () => (await import("./models.ts")).modelsCommand(),
  place: async () => (await import("./place.ts")).placeCommand(),
  plan: async () => (await import("./plan/command.ts")).planCommand(),
  replay: async () => (await import("./replay/command.ts")).replayCommand(),
  serve: async () => (await import("./serve.ts")).serveCommand(),
  simulate: async () => (await import("./simulate.ts")).simulateCommand(),
  top: async () => (await import("./top/command.ts")).topCommand(),
};

/**
 * The command line.
 * @param name the command asked for; all are loaded where it names none, for the help and for suggestions
 */
export async function program(name: string | undefined): Promise<Command> {
  const root = new Command("plimsoll")
    .description("An expert-parallel inference load balancer for mixture-of-experts models.")
    .version(ownVersion(), "--version", "show the version")
    .showHelpAfterError(false)
    .exitOverride()
    // An option belongs to the command it follows: `replay` and its commands have some of the same name.
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll(/\s+/g, " ")}\n`) });
  const named =
    name !== undefined && Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]] : Object.values(COMMANDS);
  for (const load of named) {
    const command = (await load()).copyInheritedSettings(root);
    for (const own of command.commands) own.copyInheritedSettings(root);
    root.addCommand(command);
  }
  return root;
}

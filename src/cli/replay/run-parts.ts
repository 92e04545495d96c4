import type { ReplayFlags } from "./flags.ts";
import type { OpenRequests } from "./open-requests.ts";
import type { Player } from "./player.ts";
import type { RunBeside } from "./run-beside.ts";
import type { RunFiles } from "./run-files.ts";
import type { ReplaySettings } from "./settings.ts";

/** A run that is about to begin. */
export interface RunParts {
  /** What goes on beside the load; null where nothing does. */
  readonly beside: RunBeside | null;
  readonly flags: ReplayFlags;
  readonly settings: ReplaySettings;
  readonly requests: OpenRequests;
  /** What was said of how the trace is read, before it was played. */
  readonly doubts: readonly string[];
  readonly model: string;
  readonly files: RunFiles;
  readonly player: Player;
}

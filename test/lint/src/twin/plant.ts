import type { Loop } from "../control/loop.ts"; // breaks plimsoll(import-table)
import type { Gate } from "../core/gate/gate.ts";
import type { Picker } from "../routing/picker.ts";

export type All = [Loop, Gate, Picker];

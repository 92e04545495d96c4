import type { Loop } from "../control/loop.ts"; // breaks plimsoll(import-table)
import type { Picker } from "../routing/picker.ts";

export type Both = [Loop, Picker];

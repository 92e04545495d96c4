import { program } from "./cli/program.ts";
import { compose } from "./compose.ts"; // breaks plimsoll(import-table)

export type Both = [typeof program, typeof compose];

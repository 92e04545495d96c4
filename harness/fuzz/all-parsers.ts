import type { FuzzedParser } from "./parser.ts";
import { ANSWER_PARSERS } from "./parsers/answers.ts";
import { FILE_PARSERS } from "./parsers/files.ts";
import { REQUEST_PARSERS } from "./parsers/requests.ts";
import { SETTINGS_PARSERS } from "./parsers/settings.ts";
import { STORED_PARSERS } from "./parsers/stored.ts";
import { STREAM_PARSERS } from "./parsers/streams.ts";
import { TRACE_PARSERS } from "./parsers/traces.ts";

/** Everything that reads bytes from elsewhere. */
export const ALL_PARSERS: readonly FuzzedParser[] = [
  ...REQUEST_PARSERS,
  ...STREAM_PARSERS,
  ...ANSWER_PARSERS,
  ...FILE_PARSERS,
  ...TRACE_PARSERS,
  ...SETTINGS_PARSERS,
  ...STORED_PARSERS,
];

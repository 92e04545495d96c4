import { importTableRule } from "./import-table-rule.ts";
import { packageFilesRule } from "./package-files-rule.ts";

/** `plimsoll/import-table` and `plimsoll/package-files`. */
export default {
  meta: { name: "plimsoll" },
  rules: {
    "import-table": { create: importTableRule },
    "package-files": { create: packageFilesRule },
  },
};

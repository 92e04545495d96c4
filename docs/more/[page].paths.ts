import { morePages } from "../../.ci/docs/more-pages.ts";

/** Pages of the site that are not in docs/, as VitePress wants them. */
export default { paths: morePages };

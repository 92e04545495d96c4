import { documentHtml, panelHtml, section } from "../../../report/html/document.ts";
import { words } from "../plan-page.ts";
import type { Answered } from "./right-sizing-report.ts";
import { changeRows, leadText, modelRows, nowRows, roomRows } from "./right-sizing-words.ts";

/** As one HTML file that needs no network. */
export function rightSizingPage(answered: Answered): string {
  return documentHtml({
    title: "Plimsoll: a pool, right-sized",
    heading: `Pool ${answered.name}`,
    lead: leadText(answered),
    identity: [["Gateway", answered.url]],
    parts: [
      section("Now", [panelHtml(words("As measured", nowRows(answered)))]),
      section("The model beside it", [panelHtml(words("For this layout and load", modelRows(answered)))]),
      section("Room", [panelHtml(words("How much more, and what gives way", roomRows(answered)))]),
      section("What to change", [panelHtml(words("The most worth first", changeRows(answered)))]),
    ],
    footer: "Beside this page: <code>right-sizing.json</code> has these figures.",
  });
}

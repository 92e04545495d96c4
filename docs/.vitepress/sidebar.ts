/** Pages by their readers. `npm test` holds it to the pages that there are. */
export const sidebar = [
  group("First", [
    ["Quick start", "quick-start"],
    ["Every command", "commands"],
    ["How it works", "how-it-works"],
    ["Beside other projects", "comparison"],
  ]),
  group("Serving teams", [
    ["Operator's guide", "operating"],
    ["Installing", "installing"],
    ["Configuring", "configuring"],
    ["Who may ask", "access"],
    ["Security", "more/security"],
    ["In front of your engines", "serving"],
    ["Models and pools", "pools"],
    ["Servers that come and go", "discovery"],
    ["How requests are routed", "routing"],
    ["A request's life", "requests"],
    ["Envoy or Istio in front", "endpoint-picker"],
    ["The expert plane", "expert-plane"],
    ["Plug-ins of engines", "more/plug-ins"],
    ["Instances by experts", "locality"],
    ["The dashboard", "dashboard"],
    ["Every alert", "alerts"],
    ["Traces of requests", "tracing"],
    ["Captured traffic", "capture"],
  ]),
  group("Capacity planners", [
    ["Planner's guide", "planners"],
    ["Plan", "planning"],
    ["Simulate", "simulate"],
    ["Models", "models"],
    ["Calibration", "calibration"],
    ["The twin", "twin"],
    ["Files of loads and placements", "formats"],
  ]),
  group("Load testers", [
    ["Load tester's guide", "testers"],
    ["Replay", "replay"],
    ["Traces", "traces"],
    ["Scenarios", "scenarios"],
  ]),
  group("Reference", [
    ["API", "api"],
    ["Routes", "routes"],
    ["Errors", "errors"],
    ["Metrics", "metrics"],
    ["The library", "library"],
    ["What is new", "more/changelog"],
    ["Architecture", "more/architecture"],
    ["Contributing", "more/contributing"],
  ]),
  group("Measured", [
    ["What balancing is worth", "balancing"],
    ["Performance", "performance"],
    ["The control plane through faults", "control-plane"],
    ["Reliability", "reliability"],
  ]),
];

function group(text: string, pages: readonly (readonly [text: string, page: string])[]) {
  return { text, collapsed: false, items: pages.map(([name, page]) => ({ text: name, link: `/${page}` })) };
}

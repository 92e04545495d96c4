/** Colours of the dashboard; those of lines are told apart by whoever sees colours otherwise, and by their dashes. */
const LIGHT = `--paper: #f4f2ec; --sheet: #fdfcf9; --ink: #18222d; --ink-soft: #56616d; --rule: #dedad0;
  --hull: #b23a2c; --sea: #2b6286; --none: #6a727b; --eplb: #0068a8; --plimsoll: #c94f00;`;
const DARK = `--paper: #0d141b; --sheet: #141e28; --ink: #e9edf0; --ink-soft: #9dabb8; --rule: #273441;
  --hull: #f0806c; --sea: #86b9d9; --none: #97a3ae; --eplb: #56b4e9; --plimsoll: #ff9248;`;

export const STYLE = `:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
*, *::before, *::after { box-sizing: border-box; margin: 0; }
body { max-width: 1240px; margin: 0 auto; padding: 0 24px 32px; background: var(--paper); color: var(--ink);
  font: 14px / 1.5 "Inter", "Helvetica Neue", Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums;
  -webkit-text-size-adjust: 100%; overflow-wrap: break-word; }
:focus-visible { outline: 2px solid var(--sea); outline-offset: 2px; }
header { padding: 20px 0 0; }
h1 { display: flex; align-items: center; gap: 10px; font-size: 22px; letter-spacing: -0.02em; }
h2 { margin: 32px 0 8px; font-size: 18px; letter-spacing: -0.01em; }
h3 { margin-bottom: 8px; font-size: 14px; font-weight: 650; }
.mark { width: 30px; fill: none; stroke: var(--hull); stroke-width: 3; }
.lead { max-width: 72ch; margin: 12px 0 16px; font-size: 18px; line-height: 1.45; }
header dl { display: flex; flex-wrap: wrap; gap: 6px 32px; padding: 10px 0; border-block: 1px solid var(--rule); }
dt { font-size: 12px; color: var(--ink-soft); }
dd { font-weight: 600; }
section > p, footer { max-width: 80ch; margin-bottom: 12px; color: var(--ink-soft); }
footer { margin-top: 32px; font-size: 13px; }
code { font-size: 0.95em; }
.panel, .chart { padding: 14px 16px; background: var(--sheet); border: 1px solid var(--rule); border-radius: 4px; }
.panel { margin-bottom: 16px; }
.panel p { max-width: 80ch; margin-bottom: 8px; font-size: 13px; color: var(--ink-soft); }
.charts, .pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; margin-bottom: 16px; }
.glance > :last-child:nth-child(odd) { grid-column: 1 / -1; }
.pair .panel { margin: 0; }
.pair + .panel { margin-top: 16px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 24px; margin-bottom: 10px; padding: 0; list-style: none; }
.legend svg { width: 40px; height: 8px; margin-right: 8px; vertical-align: middle; }
figcaption span, .x-title { font-size: 12px; color: var(--ink-soft); }
.frame { display: grid; grid-template-columns: 40px minmax(0, 1fr); grid-template-rows: 200px 16px auto; gap: 4px 6px;
  margin: 12px 14px 6px 0; font-size: 11px; line-height: 1; color: var(--ink-soft); }
.plot { position: relative; border-bottom: 1px solid var(--ink-soft); }
.plot svg { display: block; width: 100%; height: 100%; overflow: hidden; }
.y-ticks, .x-ticks { position: relative; }
.y-ticks span { position: absolute; right: 0; transform: translateY(50%); }
.x-ticks { grid-column: 2; }
.x-ticks span { position: absolute; top: 2px; transform: translateX(-50%); white-space: nowrap; }
.x-title { grid-column: 2; text-align: right; line-height: 1.3; }
path { fill: none; vector-effect: non-scaling-stroke; }
.mark path, .mark circle { vector-effect: none; }
.grid { stroke: var(--rule); }
.plot .mark { width: auto; stroke: var(--hull); stroke-width: 1; }
.mark-label { position: absolute; top: 0; padding: 2px 4px; color: var(--hull); background: var(--sheet); }
.line { stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; }
.line.none { stroke: var(--none); stroke-dasharray: 2 3; }
.line.eplb { stroke: var(--eplb); stroke-dasharray: 7 3; }
.line.plimsoll { stroke: var(--plimsoll); stroke-width: 2; }
.notch.none { stroke: var(--none); }
.notch.eplb { stroke: var(--eplb); }
.notch.plimsoll { stroke: var(--plimsoll); }
.bars { display: grid; grid-template-columns: fit-content(14em) minmax(4em, 1fr) max-content; align-items: center;
  gap: 8px 12px; margin: 14px 0 10px; font-size: 13px; }
.bar-row { display: contents; }
.bar-track { position: relative; height: 18px; background: var(--paper); border-radius: 2px; }
.bar { display: block; height: 100%; border-radius: 2px; }
.bar.plimsoll { background: var(--plimsoll); }
.bar.eplb { background: var(--eplb); }
.bar.none { background: var(--none); }
.bar.hatched { background: repeating-linear-gradient(135deg, var(--none) 0 2px, transparent 2px 7px); }
.bar-line { position: absolute; top: -5px; bottom: -5px; width: 2px; margin-left: -1px; background: var(--hull); }
.bar-text { text-align: right; font-weight: 600; }
.bar-legend { margin-bottom: 6px; font-size: 13px; color: var(--hull); }
.bar-legend::before { content: ""; display: inline-block; width: 2px; height: 14px; margin-right: 8px; background: var(--hull);
  vertical-align: -2px; }
.units { display: flex; flex-wrap: wrap; gap: 8px; margin: 14px 0 12px; --gpu: 18px; }
.units.small { gap: 5px; --gpu: 9px; }
.unit { display: flex; flex-wrap: wrap; gap: 8px; padding: 6px; border: 1px solid var(--ink-soft); border-radius: 3px; }
.small .unit { gap: 4px; padding: 3px; }
.gpus { display: grid; grid-template-columns: repeat(var(--across, 1), var(--gpu)); gap: 2px; align-content: start; }
.gpus i { height: var(--gpu); border-radius: 2px; background: var(--fill); border: 1px solid var(--fill); }
.gpus.prefill { --fill: var(--eplb); }
.gpus.decode { --fill: var(--plimsoll); }
.spare { border-style: dashed; }
.spare .gpus i { background: repeating-linear-gradient(135deg, var(--fill) 0 2px, transparent 2px 5px); }
.swatch { display: inline-block; margin-right: 8px; vertical-align: -2px; --gpu: 12px; }
.swatch .unit { padding: 0; border: 0; }
summary { cursor: pointer; font-size: 13px; color: var(--sea); }
.table-frame { overflow-x: auto; }
details .table-frame { margin-top: 8px; }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
th, td { padding: 3px 0 3px 12px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
th:first-child { padding-left: 0; }
thead th { font-size: 12px; font-weight: 400; color: var(--ink-soft); }
tbody th { font-weight: 400; }
th.number, td.number { text-align: right; white-space: nowrap; }
thead th.number { white-space: normal; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 860px) { .charts, .pair { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  body { padding: 0 12px 16px; }
  .lead { font-size: 16px; }
  .panel, .chart { padding: 12px; }
  .x-ticks .minor { display: none; }
  .bars { grid-template-columns: minmax(0, 1fr) max-content; }
  .bar-row > :first-child { grid-column: 1 / -1; margin-bottom: -6px; }
  th, td { padding-left: 8px; }
}
@media print {
  :root { color-scheme: light; ${LIGHT} --paper: #fff; --sheet: #fff; }
  body { max-width: none; padding: 0; }
  .chart, .panel { break-inside: avoid; }
  h2 { break-after: avoid; }
  .chart summary { display: none; }
}
`;

import { axisTicks } from "./axis-ticks.ts";

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** On hover. */
  readonly text: string;
}

interface Properties {
  readonly title: string;
  /** What the figure means, on hover. */
  readonly what: string;
  /** The same in a sentence, for those who do not see it. */
  readonly summary: string;
  readonly xName: string;
  readonly xTicks: readonly number[];
  readonly series: readonly {
    readonly name: string;
    readonly look: "first" | "second" | "ring";
    readonly points: readonly ChartPoint[];
  }[];
  /** Of the x axis. */
  readonly today: number;
  /** Of the y axis; null for none. */
  readonly limit: { readonly y: number; readonly name: string } | null;
  readonly least: number;
  readonly yText: (value: number) => string;
}

const [WIDTH, HEIGHT] = [340, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [48, 14, 20, 36];
const GAP = 4;
const RADIUS = 3.5;

/** A few lines over one axis, with today and a limit marked. */
export function LineChart(properties: Properties) {
  const { title, what, summary, xName, xTicks, series, today, limit, least, yText } = properties;
  const all = series.flatMap(({ points }) => points);
  const most = Math.max(...all.map(({ y }) => y), limit?.y ?? least);
  const yTicks = axisTicks(least, most);
  const [low, high] = [yTicks[0], yTicks[yTicks.length - 1]];
  const xs = [...xTicks, ...all.map(({ x }) => x), today];
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const at = (x: number) => LEFT + ((right - LEFT) * (x - first)) / (last - first || 1);
  const up = (y: number) => bottom - ((bottom - TOP) * (y - low)) / (high - low);
  return (
    <figure class="line-chart">
      <figcaption title={what}>
        {title}
        {series.length > 1 && (
          <span class="names">
            {series.map(({ name, look }) => (
              <span key={name} class={look}>
                {name}
              </span>
            ))}
          </span>
        )}
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={summary}>
        {yTicks.map((y) => (
          <g key={y}>
            <path class="rule" d={`M${LEFT} ${up(y)}H${right}`} />
            <text x={LEFT - GAP} y={up(y) + GAP} class="end">
              {yText(y)}
            </text>
          </g>
        ))}
        {xTicks.map((x) => (
          <text key={x} x={at(x)} y={bottom + 14} class="middle">
            {x}
          </text>
        ))}
        <text x={(LEFT + right) / 2} y={HEIGHT - GAP} class="middle">
          {xName}
        </text>
        <path class="today" d={`M${at(today)} ${TOP}V${bottom}`} />
        <text x={at(today)} y={TOP - 7} class="middle">
          today
        </text>
        {limit !== null && (
          <>
            <path class="limit" d={`M${LEFT} ${up(limit.y)}H${right}`} />
            <text x={LEFT + GAP} y={up(limit.y) - GAP} class="limit">
              {limit.name}
            </text>
          </>
        )}
        {series.map(({ name, look, points }) => (
          <g key={name} class={look}>
            <path
              class="line"
              d={points.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${at(x)} ${up(y)}`).join("")}
            />
            {points.map(({ x, y, text }) => (
              <circle key={x} cx={at(x)} cy={up(y)} r={RADIUS}>
                <title>{text}</title>
              </circle>
            ))}
          </g>
        ))}
      </svg>
    </figure>
  );
}

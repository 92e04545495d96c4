import type { RateStanding, Standing } from "../serving/admission/rates.ts";
import type { HeaderList } from "../serving/engine.ts";

const MINUTE_MS = 60_000;

/** What `x-ratelimit-*` say, as OpenAI's clients read them. */
export function rateHeaders({ requests, tokens }: RateStanding): HeaderList {
  return [...headersOf("requests", requests), ...headersOf("tokens", tokens)];
}

function headersOf(what: string, standing: Standing | null): HeaderList {
  if (standing === null) return [];
  return [
    `x-ratelimit-limit-${what}`,
    `${Math.floor(standing.limit)}`,
    `x-ratelimit-remaining-${what}`,
    `${Math.max(0, Math.floor(standing.remaining))}`,
    `x-ratelimit-reset-${what}`,
    durationText(standing.resetMs),
  ];
}

/** As OpenAI writes them: `20ms`, `1.5s`, `6m0s`, `1h0m0s`. */
export function durationText(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole < 1000) return `${whole}ms`;
  if (whole < MINUTE_MS) return `${whole / 1000}s`;
  const seconds = Math.ceil(whole / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}h` : ""}${minutes}m${seconds % 60}s`;
}

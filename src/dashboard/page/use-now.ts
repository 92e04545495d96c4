import { useEffect, useState } from "preact/hooks";
import { now } from "../live/page-clock.ts";

/** The time by the page's clock, anew every so often. */
export function useNow(everyMs: number): number {
  const [at, setAt] = useState(now);
  useEffect(() => {
    const timer = window.setInterval(() => setAt(now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return at;
}

import { useCallback, useEffect, useState } from "preact/hooks";
import { type LinkState, readLink, writeLink } from "./link-state.ts";

/** What the page's address says to look at, and the way to change that: the address follows. */
export function useLinkState(): readonly [LinkState, (change: Partial<LinkState>) => void] {
  const [view, setView] = useState(() => readLink(location.hash));
  useEffect(() => {
    const follow = () => setView(readLink(location.hash));
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    const hash = writeLink(view);
    // Not a step of its own on the way back.
    if (hash !== location.hash)
      history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
  }, [view]);
  const change = useCallback((to: Partial<LinkState>) => setView((before) => ({ ...before, ...to })), []);
  return [view, change];
}

import { useEffect, useState } from "preact/hooks";

/** Who goes through their tabs is soon back. */
const HIDDEN_MS = 5000;

/** Whether somebody may see the page: not while its tab or window has been out of sight for some seconds. */
export function useWatched(): boolean {
  const [watched, setWatched] = useState(() => !document.hidden);
  useEffect(() => {
    let timer: number | undefined;
    const follow = () => {
      window.clearTimeout(timer);
      if (document.hidden) timer = window.setTimeout(() => setWatched(false), HIDDEN_MS);
      else setWatched(true);
    };
    document.addEventListener("visibilitychange", follow);
    return () => {
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", follow);
    };
  }, []);
  return watched;
}

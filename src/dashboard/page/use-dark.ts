import { useEffect, useState } from "preact/hooks";

const QUERY = "(prefers-color-scheme: dark)";

/** Whether the reader's system asks for dark pages; follows the system. */
export function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia(QUERY).matches);
  useEffect(() => {
    const query = matchMedia(QUERY);
    const follow = () => setDark(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return dark;
}

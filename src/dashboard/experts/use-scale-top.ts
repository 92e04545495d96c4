import { useRef } from "preact/hooks";
import { scaleTop } from "./map-scale.ts";

/** Where a scale ends that has to reach `most`: it stays, so that a colour or a height means the same as a moment ago, until it must not. */
export function useScaleTop(most: number): number {
  const top = useRef<number | null>(null);
  top.current = scaleTop(top.current, most);
  return top.current;
}

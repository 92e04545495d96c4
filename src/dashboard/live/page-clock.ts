/** So much further ahead at once, a clock was set, or the machine has slept. */
const JUMP_MS = 5000;

/**
 * The time that ages are told by, milliseconds since 1970 as the machine has them when this is called: it goes on while
 * the machine sleeps, and never goes back when its clock is set.
 * @param wall the machine's clock, milliseconds since 1970
 * @param steady milliseconds that nobody sets; they may stand still while the machine sleeps
 */
export function pageClock(wall: () => number, steady: () => number): () => number {
  let [wallBefore, steadyBefore] = [wall(), steady()];
  let at = wallBefore;
  return () => {
    const [wallNow, steadyNow] = [wall(), steady()];
    const passed = steadyNow - steadyBefore;
    const jumped = wallNow - wallBefore - passed;
    at += passed + (jumped > JUMP_MS ? jumped : 0);
    [wallBefore, steadyBefore] = [wallNow, steadyNow];
    return Math.round(at);
  };
}

/** The page's own: all ages and moments in it are by this clock. */
export const now = pageClock(Date.now, () => performance.now());

/**
 * How a placement follows the one in force.
 * - `few moves`;
 * - `more moves`: few would leave it less level than the engine's own algorithm makes it;
 * - `afresh`: so would more, or there is none in force. What is the same stays where it is.
 */
export const MOVE_WAYS = ["few moves", "more moves", "afresh"] as const;

export type MoveWay = (typeof MOVE_WAYS)[number];

/**
 * How many distinct experts a decode step is expected to read. A step of B tokens, drawn independently from a mix in
 * which a token selects expert e of a layer with chance p_e, reads f(p) = Σ_e 1 − (1 − p_e)^B of them. f is concave:
 * its tangent at p lies above it, and what lies between the tangent at p and f at q is what requests of mix q cost
 * more among requests of mix p than among their like (the Bregman divergence of −f). To a group of mix p, few tokens of
 * mix q add the tangent's value at q for each step they are in.
 */
export interface Tangent {
  /** `[width]`: its slope, B (1 − p)^(B − 1). */
  readonly slope: Float32Array;
  /** Its value at no token. */
  offset: number;
}

/** f of a mix. @param mix chances 0..1, by layer and expert */
export function expectedDistinct(mix: Float32Array, batch: number): number {
  let sum = 0;
  for (let i = 0; i < mix.length; i++) sum += 1 - missed(mix[i], batch);
  return sum;
}

/** Writes the tangent at a mix; returns f there. */
export function tangentAt(mix: Float32Array, batch: number, tangent: Tangent): number {
  const { slope } = tangent;
  let value = 0;
  let offset = 0;
  for (let i = 0; i < mix.length; i++) {
    const chance = mix[i];
    const others = missed(chance, batch - 1);
    const of = batch * others;
    slope[i] = of;
    const own = 1 - others * Math.max(0, 1 - chance);
    value += own;
    offset += own - of * chance;
  }
  tangent.offset = offset;
  return value;
}

/** The chance that none of so many tokens selects it. A token selects an expert of a layer at most once. */
function missed(chance: number, tokens: number): number {
  if (chance >= 1) return tokens === 0 ? 1 : 0;
  return Math.exp(tokens * Math.log1p(-chance));
}

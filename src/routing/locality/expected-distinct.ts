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

/** Writes f's tangent at a mix. @param mix chances 0..1, by layer and expert @param batch tokens of a step */
export function tangentAt(mix: Float32Array, batch: number, tangent: Tangent): void {
  const { slope } = tangent;
  let offset = 0;
  for (let i = 0; i < mix.length; i++) {
    const chance = mix[i];
    const others = missed(chance, batch - 1);
    const of = batch * others;
    slope[i] = of;
    offset += 1 - others * Math.max(0, 1 - chance) - of * chance;
  }
  tangent.offset = offset;
}

/** The chance that none of so many tokens selects it. A token selects an expert of a layer at most once. */
function missed(chance: number, tokens: number): number {
  if (chance >= 1) return tokens === 0 ? 1 : 0;
  return Math.exp(tokens * Math.log1p(-chance));
}

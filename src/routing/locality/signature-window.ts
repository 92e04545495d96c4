/**
 * The signatures seen last, with the tokens they stand for: a ring of bounded size, `window × width × 4` bytes.
 */
export class SignatureWindow {
  readonly width: number;
  readonly #signatures: Float32Array;
  readonly #tokens: Float64Array;
  #seen = 0;

  /** @param window signatures kept @param width numbers of one */
  constructor(window: number, width: number) {
    this.width = width;
    this.#signatures = new Float32Array(window * width);
    this.#tokens = new Float64Array(window);
  }

  get count(): number {
    return Math.min(this.#seen, this.#tokens.length);
  }

  get capacity(): number {
    return this.#tokens.length;
  }

  add(signature: Float32Array, tokens: number): void {
    const at = this.#seen++ % this.#tokens.length;
    this.#signatures.set(signature, at * this.width);
    this.#tokens[at] = tokens;
  }

  /** The i-th that is held, 0..count − 1, in no order of time. */
  signature(i: number): Float32Array {
    return this.#signatures.subarray(i * this.width, (i + 1) * this.width);
  }

  tokens(i: number): number {
    return this.#tokens[i];
  }
}

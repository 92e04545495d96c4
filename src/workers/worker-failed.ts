/** A worker ended before it listened; it has printed why. */
export class WorkerFailed extends Error {
  override readonly name = "WorkerFailed";
  readonly code: number;

  constructor(code: number) {
    super(`a worker ended with code ${code} before it listened`);
    this.code = code;
  }
}

/**
 * The lower triangle L of a positive definite matrix A = L·Lᵀ, in its place; what is above the diagonal stays.
 * @param matrix `[n][n]`, row by row
 */
export function factorize(matrix: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) {
    let square = matrix[j * n + j];
    for (let k = 0; k < j; k++) square -= matrix[j * n + k] ** 2;
    const root = Math.sqrt(Math.max(square, 1e-12));
    matrix[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let value = matrix[i * n + j];
      for (let k = 0; k < j; k++) value -= matrix[i * n + k] * matrix[j * n + k];
      matrix[i * n + j] = value / root;
    }
  }
}

/** x of L·Lᵀ·x = right. @param lower what `factorize` leaves */
export function solveFactorized(lower: Float64Array, right: Float64Array, n: number): Float64Array {
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i * n + k] * x[k];
    x[i] /= lower[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= lower[k * n + i] * x[k];
    x[i] /= lower[i * n + i];
  }
  return x;
}

/** The diagonal of the inverse of L·Lᵀ. */
export function inverseDiagonal(lower: Float64Array, n: number): Float64Array {
  const diagonal = new Float64Array(n);
  const column = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    // L⁻¹ of one unit vector; the inverse's diagonal sums the squares of L⁻¹'s columns.
    column.fill(0);
    column[j] = 1 / lower[j * n + j];
    let sum = column[j] ** 2;
    for (let i = j + 1; i < n; i++) {
      let value = 0;
      for (let k = j; k < i; k++) value -= lower[i * n + k] * column[k];
      column[i] = value / lower[i * n + i];
      sum += column[i] ** 2;
    }
    diagonal[j] = sum;
  }
  return diagonal;
}

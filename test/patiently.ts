/** For `expect.poll`: a busy machine may be slow, only a broken one is this slow. */
export const patiently = { timeout: 60_000 };

/** What saves less than this part is noise, however few its moves: forecasts and samples of tokens are no better than that. */
export const LEAST_SAVED = 0.002;

/**
 * Beside that, where steps do nothing but read weights: levelling saves nothing of them then, and pays only once more
 * traffic comes. A placement is kept that is as good as this for the steps of then.
 */
export const LEAST_WHILE_READING = 0.1;

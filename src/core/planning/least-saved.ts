/** What saves less than this part is noise, however few its moves: forecasts and samples of tokens are no better than that. */
export const LEAST_SAVED = 0.002;

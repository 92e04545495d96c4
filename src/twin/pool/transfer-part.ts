export const TRANSFER_PART = 0.5;

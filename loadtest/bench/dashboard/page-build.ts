/** A built page, as `npm run build:dashboard` leaves it. */
export interface PageBuild {
  readonly name: string;
  readonly folder: string;
}

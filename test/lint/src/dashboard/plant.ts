import { h } from "preact";
import type { PoolReport } from "../model/pool-report.ts"; // breaks plimsoll(import-table)

export type Both = [typeof h, PoolReport];

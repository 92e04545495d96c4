import fastify from "fastify"; // breaks plimsoll(import-table)
import { compose } from "../compose.ts";

export type Both = [typeof fastify, typeof compose];

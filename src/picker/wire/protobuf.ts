import protobuf from "protobufjs/minimal.js";

/** The wire format of protobuf. Which fields there are stands in the files beside this one. */
export const { Reader, Writer } = protobuf;

/** The script of a Node worker thread. */
import { parentPort } from "node:worker_threads";
import { load } from "../index.node.js";
import { Host } from "./host.js";

new Host(
  {
    post: (message, transfer = []) => parentPort?.postMessage(message, transfer as ArrayBuffer[]),
    onMessage: (listener) => parentPort?.on("message", listener),
  },
  load,
);

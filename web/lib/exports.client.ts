/** What both client entries export besides the class itself. */
export * from "./exports.js";
export type {
  ClientOptions,
  Remote,
  RemoteDataset,
  RemoteFoldedUser,
  RemoteModel,
  TransferOptions,
} from "./worker/client.js";

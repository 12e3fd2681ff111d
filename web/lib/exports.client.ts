/** What both client entries export besides the class itself. */
export * from "./exports.js";
export type {
  ClientOptions,
  Remote,
  RemoteDataset,
  RemoteFoldedItem,
  RemoteFoldedUser,
  RemoteModel,
  RemoteRows,
  TransferOptions,
} from "./worker/client.js";

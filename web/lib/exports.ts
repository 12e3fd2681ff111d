/** What every entry point exports besides its own way to begin. */
export { Engine } from "./engine.js";
export * from "./errors.js";
export type {
  BiasesOptions,
  FitPartialOptions,
  FmAdagradOptions,
  FmAdamOptions,
  FmAlsOptions,
  FmFtrlOptions,
  FmMcmcOptions,
  FmOptions,
  FmSgdaOptions,
  FmSgdOptions,
  FmVbOptions,
  HybridBprOptions,
  HybridLogisticOptions,
  HybridOptions,
  HybridWarpKosOptions,
  HybridWarpOptions,
  ImplicitAlsOptions,
  ImplicitCgOptions,
  ImplicitCholeskyOptions,
  ImplicitSubspaceOptions,
  ItemKnnOptions,
  MfAdagradOptions,
  MfAdamOptions,
  MfAlsOptions,
  MfSgdOptions,
  MfOptions,
  ModelOptions,
  PopularityOptions,
  ResolvedOptions,
  SvdOptions,
  TrainControls,
  TrainOptions,
} from "./options.js";
export { withDefaults } from "./options.js";
export type * from "./tuning/types.js";
export type * from "./types.js";
export { version } from "./version.js";
export type { LoadOptions, WasmSource } from "./wasm.js";

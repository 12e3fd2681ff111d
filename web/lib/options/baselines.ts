/** Options of the models that others are compared to. */
import type { OptionsOf } from "./option.js";

export const popularity = {};

/** The baseline that recommends what most users met. */
export type PopularityOptions = { model: "popularity" } & OptionsOf<typeof popularity>;

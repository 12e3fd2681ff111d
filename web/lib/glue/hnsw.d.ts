// The JavaScript that Emscripten writes; the build puts it beside this file.
import type { CoreFactory } from "../core.js";
import type { HnswModule } from "../hnsw/module.js";
declare const factory: CoreFactory<HnswModule>;
export default factory;

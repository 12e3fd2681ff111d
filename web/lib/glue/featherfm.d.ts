// The JavaScript that Emscripten writes; the build puts it beside this file.
import type { CoreFactory } from "../core.js";
declare const factory: CoreFactory;
export default factory;

/** The script of the inline entry's worker; the build bundles it into a string. */
import { Engine } from "../engine.js";
import factory from "../glue/featherfm.inline.js";
import { instantiateEmbedded } from "../wasm.js";
import { serve } from "./serve.js";

serve(async () => new Engine(await instantiateEmbedded(factory)));

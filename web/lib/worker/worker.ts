/** The script of a browser's worker. */
import { load } from "../index.js";
import { serve } from "./serve.js";

serve(load);

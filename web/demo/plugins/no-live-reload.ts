/**
 * Takes Vite's client out of the page that the development server sends. It would keep a socket open, and the page says,
 * and counts, that it requests nothing once it is loaded. Reload by hand.
 */
import type { Plugin } from "vite";

export function noLiveReload(): Plugin {
  return {
    name: "featherfm-demo:no-live-reload",
    apply: "serve",
    config: () => ({ server: { hmr: false, ws: false } }),
    transformIndexHtml: {
      order: "post",
      handler: (html) =>
        html.replace(/<script type="module" src="[^"]*\/@vite\/client"><\/script>\s*/, ""),
    },
  };
}

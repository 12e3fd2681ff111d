/**
 * What the page may do, enforced by the browser: run its own code and WebAssembly, and talk to its own address, which is
 * where the code comes from. No eval, no other host, no inline script or style.
 */
import type { Plugin } from "vite";

const directives = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
];

/**
 * For servers. A worker that came over the network obeys the policy in its own response only, not that of the page, which
 * is why the header goes on every response.
 */
export const securityHeaders = {
  "Content-Security-Policy": [...directives, "frame-ancestors 'none'"].join("; "),
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** The policy as a meta tag in the built page, for servers that send no headers. */
export function contentSecurityPolicyTag(): Plugin {
  return {
    name: "featherfm-demo:content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: directives.join("; ") },
        injectTo: "head-prepend",
      },
    ],
  };
}

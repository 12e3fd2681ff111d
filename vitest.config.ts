import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        // The package as it is published: tests import it by its name, from dist/.
        resolve: {
          alias: [
            { find: /^featherfm$/, replacement: dist("index.node.js") },
            { find: /^featherfm\/client$/, replacement: dist("client.node.js") },
            { find: /^featherfm\/hnsw$/, replacement: dist("hnsw.node.js") },
            { find: /^featherfm\/inline$/, replacement: dist("inline.js") },
          ],
        },
        test: { name: "package", include: ["tests/js/**/*.test.ts"], testTimeout: 60_000 },
      },
      {
        // Node drives real browsers, one file at a time: they share the machine's cores.
        test: {
          name: "browser",
          include: ["tests/browser/**/*.test.ts"],
          environment: "node",
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});

function dist(file: string): string {
  return new URL(`./dist/${file}`, import.meta.url).pathname;
}

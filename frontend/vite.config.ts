import { defineConfig } from "vite";

// The built page lands in the package; every file is local, nothing is inlined that a strict
// content policy would refuse.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/rimlight/web/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    sourcemap: false,
    modulePreload: { polyfill: false },
  },
});

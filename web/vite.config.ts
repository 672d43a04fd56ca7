// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from "vite";

// The page is served with `Content-Security-Policy: default-src 'self'`: nothing is inlined.
export default defineConfig({
  base: "./",
  build: { outDir: "dist", assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: "es2020" },
});

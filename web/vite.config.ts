// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { defineConfig } from "vite";
import type { Plugin } from "vite";

/** dist/third-party.txt: the licences of what the page's script contains, as these demand. */
function thirdPartyLicences(): Plugin {
  return {
    name: "third-party-licences",
    generateBundle() {
      const lock = JSON.parse(readFileSync("package-lock.json", "utf8")).packages as Record<string, { dev?: boolean }>;
      const shipped = Object.keys(lock).filter((path) => path !== "" && !lock[path]!.dev && existsSync(path)).sort();
      const source = shipped.map((path) => {
        const file = readdirSync(path).sort().find((name) => /^licen[cs]e/i.test(name));
        const text = file ? readFileSync(`${path}/${file}`, "utf8").trim() : "see its package.json";
        return `${path.replace(/^.*node_modules\//, "")}\n\n${text}\n`;
      });
      this.emitFile({ type: "asset", fileName: "third-party.txt", source: source.join(`\n${"-".repeat(72)}\n\n`) });
    },
  };
}

// The page is served with `Content-Security-Policy: default-src 'self'`: nothing is inlined.
export default defineConfig({
  base: "./",
  build: { outDir: "dist", assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: "es2020" },
  plugins: [thirdPartyLicences()],
});

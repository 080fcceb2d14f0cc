import { defineConfig } from "vite";

import { compressed, firstScript, licences } from "./plugins.ts";

// Everything is a file of its own with a hash in its name: the page's policy allows nothing inline and no other host.
export default defineConfig({
  plugins: [firstScript("src/theme/first.js"), licences(), compressed()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` beside `ferry serve --listen 127.0.0.1:8790`
    proxy: { "/v1": "http://127.0.0.1:8790" },
  },
});

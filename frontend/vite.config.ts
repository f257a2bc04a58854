import { defineConfig } from "vite";

// One plain script without imports: it is loaded with `defer` by pages that run before any module system.
export default defineConfig({
  base: "/static/",
  build: {
    outDir: "dist",
    manifest: "manifest.json",
    rollupOptions: { input: "src/admin.ts", output: { format: "iife" } },
  },
});

import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

const hub = process.env["CONSOLE_HUB"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: "false",
    __VUE_I18N_FULL_INSTALL__: "false",
    __VUE_I18N_LEGACY_API__: "false",
    __INTLIFY_PROD_DEVTOOLS__: "false",
  },
  build: {
    outDir: "dist",
    target: "es2022",
    // The hub's content policy forbids data: fonts and inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // A few files instead of a hundred: the frame, what every page uses, and the parts that float.
        codeSplitting: {
          groups: [
            { name: "vue", priority: 3, test: /plugin-vue:export-helper|node_modules\/(@?vue|vue-router|vue-i18n|@intlify|pinia)\// },
            { name: "float", priority: 1, test: /node_modules\/(reka-ui|@floating-ui|aria-hidden|@internationalized|@vueuse)|design\/SideDrawer/ },
            { name: "kit", priority: 2, test: /src\/(api|live)\/|src\/i18n\/(index|en|format|words)|src\/design\/(?!SideDrawer|CandidateList)|node_modules\/@lucide/, minShareCount: 2 },
          ],
        },
      },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": hub,
      "/agent": { target: hub, ws: true },
    },
  },
  test: { environment: "node", include: ["tests/**/*.test.ts"] },
});

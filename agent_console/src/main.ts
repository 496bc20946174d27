import "@fontsource-variable/inter/wght.css";
import "@/design/tokens.css";
import "@/design/base.css";
import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "@/app/App.vue";
import { makeRouter } from "@/app/router";
import { listenForKeys } from "@/design/keys";
import { showTheme } from "@/design/prefs";
import { firstLanguage, i18n, speak } from "@/i18n";

showTheme();
listenForKeys();
await speak(firstLanguage(), false);
const app = createApp(App).use(createPinia()).use(i18n);
app.use(makeRouter());
app.mount("#app");

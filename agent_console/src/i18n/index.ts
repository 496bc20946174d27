import { createI18n } from "vue-i18n";
import en, { type Messages } from "./en";

export type Language = "en" | "zh";

export const i18n = createI18n<[Messages], Language, false>({
  legacy: false,
  locale: "en",
  fallbackLocale: "en",
  messages: { en } as never,
});

const KEPT = "cch.language";

function remembered(): Language | null {
  try {
    const kept = localStorage.getItem(KEPT);
    return kept === "en" || kept === "zh" ? kept : null;
  } catch {
    return null;
  }
}

/** Shows `language`, whose words are fetched at first use; `keep` remembers it on this device. */
export async function speak(language: Language, keep = true): Promise<void> {
  if (language === "zh" && !i18n.global.availableLocales.includes("zh")) {
    i18n.global.setLocaleMessage("zh", (await import("./zh")).default);
  }
  i18n.global.locale.value = language;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  if (!keep) return;
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** The remembered language, else what the browser prefers. */
export function firstLanguage(): Language {
  const preferred = typeof navigator === "undefined" ? "en" : navigator.language;
  return remembered() ?? (preferred.toLowerCase().startsWith("zh") ? "zh" : "en");
}

/** What the account says, unless the person chose otherwise on this device. */
export async function followAccount(locale: string | null | undefined): Promise<void> {
  if (remembered() || !locale) return;
  await speak(locale.toLowerCase().startsWith("zh") ? "zh" : "en", false);
}

/** What a case seems to be about, in words. */
import { computed } from "vue";
import type { RecognisedView } from "@/api/generated/wire";
import { useWords } from "@/i18n/words";
import { useSession } from "./session";

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** "zh" → "Chinese", in the reader's language; the code where the browser has no name for it. */
export function languageName(code: string, reader: string): string {
  try {
    return new Intl.DisplayNames([reader === "zh" ? "zh-CN" : "en-GB"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

export function useRecognised() {
  const { t, locale } = useWords();
  const session = useSession();
  const on = computed(() => (session.settings.intents?.length ?? 0) > 0);
  const listed = (words: readonly string[]): string => words.join(locale.value === "zh" ? "、" : ", ");

  function intentName(id: string): string {
    return id ? session.intentName(id) : t("recognised.none");
  }
  /** "Looks like Refund, 87 %"; empty where nothing is sure enough to be said. */
  function guess(seen: Pick<RecognisedView, "intent" | "confidence"> | null | undefined): string {
    return seen?.intent ? t("recognised.looksLike", { intent: intentName(seen.intent), sure: percent(seen.confidence) }) : "";
  }
  const because = (words: readonly string[] | undefined): string => (words?.length ? t("recognised.because", { words: listed(words) }) : "");
  const language = (code: string): string => (code ? languageName(code, locale.value) : "");
  return { t, on, intentName, guess, because, language, listed };
}

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
  /** What agents may say that a case is in, by name. */
  const languages = computed(() => [...(session.settings.languages ?? [])].sort((a, b) => language(a).localeCompare(language(b), locale.value)));
  const on = computed(() => (session.settings.intents?.length ?? 0) > 0 || languages.value.length > 0);
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
  /** "refunds ≥ 1, chinese ≥ 3" */
  const needs = (skills: Record<string, number> | undefined): string => listed(Object.entries(skills ?? {}).map(([skill, level]) => `${skill} ≥ ${level}`));
  return { t, on, languages, needs, intentName, guess, because, language, listed };
}

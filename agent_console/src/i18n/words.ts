/** Sentences that several screens say in the same way. */
import { useI18n } from "vue-i18n";
import { duration, shortMoment } from "./format";

const KNOWN_ERRORS = new Set([
  "offer_gone", "not_connected", "too_long", "not_yours", "empty", "forbidden", "session_ended", "unreachable", "not_found", "busy", "invalid",
]);

export function useWords() {
  const { t, locale } = useI18n();

  /** A duration in its largest unit: "2 min", "3 h 10". */
  function long(ms: number): string {
    const { key, values } = duration(ms);
    return t(key, values);
  }

  /** Why something failed: by its code where the console knows it, else in the hub's own words. */
  function whyFailed(error: unknown): string {
    const { code = "unknown", message = "" } = (error ?? {}) as { code?: string; message?: string };
    if (KNOWN_ERRORS.has(code)) return t(`error.${code}`);
    return message || t("error.unknown");
  }

  function who(customer: { name: string; point: string } | null | undefined): string {
    return customer?.name || customer?.point || t("work.noName");
  }

  const moment = (at: number, now: number): string => shortMoment(at, now, locale.value);

  return { t, locale, long, whyFailed, who, moment };
}

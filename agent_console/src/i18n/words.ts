/** Sentences that several screens say in the same way. */
import { useI18n } from "vue-i18n";
import type { AgentView } from "@/api/generated/wire";
import { duration, shortMoment } from "./format";

const KNOWN_ERRORS = new Set([
  "offer_gone", "not_connected", "too_long", "sent", "not_lost", "too_large", "not_yours", "empty", "forbidden", "session_ended", "unreachable", "not_found", "busy", "invalid",
]);

/** Refusals of telephony: the hub's own sentence names people and countries, and is in English. */
const TOLD = new Set([
  "query_date", "query_status", "query_channel", "query_excluded", "query_unsaid", "query_twice", "query_too_many", "query_too_long",
  "query_only_without", "query_has", "query_queue", "query_agent",
  "no_call", "over", "digits", "to", "not_there", "full", "left", "alone", "not_there_yet", "offline", "no_line", "under_way", "at", "mode", "own", "disposition", "busy",
  "dialling_not_a_number", "dialling_country", "dialling_kind", "dialling_number_cap", "dialling_caller_cap", "dialling_hour_cap", "dialling_short_number",
  "taken", "waits_no_more", "rings", "over_capacity", "reason", "not_asked",
  "letter_to", "letter_cc", "letter_bcc", "letter_attachments", "letter_send_at",
]);

const HANDLE = /^[0-9a-f]{16,}$/;
const SAME: Record<string, string> = { not_allowed: "forbidden", unavailable: "busy", not_signed_in: "session_ended" };

/** At work without a call: what they have in hand leaves room for nothing more. */
export const isFull = (agent: AgentView): boolean => agent.state === "busy" && !agent.load["voice"];

export function useWords() {
  const { t, te: known, locale } = useI18n();
  const te = (key: string): boolean => known(key, "en");

  /** A duration in its largest unit: "2 min", "3 h 10". */
  function long(ms: number): string {
    const { key, values } = duration(ms);
    return t(key, values);
  }

  /** Why something failed: by its code where the console knows it, else in the hub's own words. */
  function whyFailed(error: unknown): string {
    const { code = "unknown", message = "" } = (error ?? {}) as { code?: string; message?: string };
    if (TOLD.has(code) && message && message !== code) return locale.value === "en" ? message : t(`error.told.${code}`);
    const known = SAME[code] ?? code;
    if (KNOWN_ERRORS.has(known)) return t(`error.${known}`);
    return message || t("error.unknown");
  }

  /** Their name, else how they are reached, else that they have none. */
  function who(customer: { name: string; point?: string; points?: { value: string }[] } | null | undefined): string {
    const point = customer?.point || customer?.points?.[0]?.value || "";
    return customer?.name || reach(point) || t("work.noName");
  }

  /** A number or address as it is; a web visitor's handle, which says nothing to anybody, by its beginning. */
  function reach(point: string): string {
    return HANDLE.test(point) ? t("work.visitor", { id: point.slice(0, 4) }) : point;
  }

  /** What an agent is doing, in a word; a reason of the house's own by its name. */
  function stateOf(agent: AgentView, reasonName: (reason: string) => string): string {
    if (agent.state === "not_ready" && agent.reason) return reasonName(agent.reason);
    return t(isFull(agent) ? "state.full" : `state.${agent.state}`);
  }

  const moment = (at: number, now: number): string => shortMoment(at, now, locale.value);

  return { t, te, locale, long, whyFailed, who, moment, reach, stateOf };
}

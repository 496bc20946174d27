/** Routing's reasons (`routing/decisions.py`), in the reader's language; a code without words is shown as it is. */
import type { Candidate, Decision, DecisionReason } from "@/api/rest";
import { useI18n } from "vue-i18n";
import { duration, fullMoment, shortMoment, timeOfDay } from "./format";

export function useReasons() {
  const { t, te, locale } = useI18n();

  function values(of: DecisionReason, nameOf?: (reason: string) => string): Record<string, unknown> {
    const said: Record<string, unknown> = { ...of.values };
    const at = said["until_at"] ?? said["at"];
    if (at) said["time"] = timeOfDay(Number(at), locale.value);
    const medium = said["medium"];
    if (typeof medium === "string" && te(`medium.${medium}`, "en")) said["medium"] = t(`medium.${medium}`);
    const away = said["reason"];
    if (typeof away === "string") said["reason"] = te(`state.${away}`, "en") ? t(`state.${away}`) : (nameOf?.(away) ?? away);
    return said;
  }

  /** What a sentence counts, for its plural. */
  function count(said: Record<string, unknown>): number {
    return Number(said["count"] ?? said["able"] ?? said["available"] ?? said["considered"] ?? 2);
  }

  function reason(of: DecisionReason, nameOf?: (reason: string) => string): string {
    const said = values(of, nameOf);
    if (of.code === "not_chosen" || of.code === "weighed_better") return t(`decision.reason.${of.code}.${String(said["by"])}`);
    if (of.code === "no_capacity" && said["capacity"] === 0) return t("decision.reason.not_done");
    if (of.code === "missing_skill" && said["has"] === 0) return t("decision.reason.skill_lacking", said);
    if (of.code === "unavailable" && !said["reason"]) return t("decision.reason.unavailable_plain");
    if (te(`decision.reason.${of.code}`, "en")) return t(`decision.reason.${of.code}`, said, count(said));
    if (te(`state.${of.code}`, "en")) return t(`state.${of.code}`);
    const rest = Object.values(of.values ?? {}).join(", ");
    return of.code.replaceAll("_", " ") + (rest ? ` (${rest})` : "");
  }

  /** Why something still waits, and what was special about it: the same codes, of the whole queue. `among` have the
   *  names of whoever is spoken of. */
  function obstacle(of: DecisionReason, among: readonly Candidate[] = []): string {
    const id = String(of.values?.["agent_id"] ?? "");
    const said = { ...values(of), agent: among.find((one) => one.agent_id === id)?.agent_name ?? id };
    if (of.code === "could_take_it") return t("decision.reason.could_take_it_count", said, count(said));
    if (of.code === "cooling_down") return t("decision.reason.nobody_cools", said);
    return reason({ ...of, values: said });
  }

  /** What the ranking compared of somebody who could take it, as of `at`: each a few words. */
  function terms(of: Candidate, at = 0): string[] {
    const parts: string[] = [];
    for (const [name, value] of Object.entries(of.terms ?? {})) {
      const number = Number(value);
      if (name === "served_before_at") {
        if (number) parts.push(t("decision.term.served_before_at", { date: shortMoment(number, at || number, locale.value) }));
      } else if (name === "share_taken") {
        parts.push(number ? t("decision.term.share_taken", { n: Math.round(number / 10_000) }) : t("floor.idle"));
      } else if (name === "idle_since_at") {
        const { key, values } = duration(Math.max(0, at - number));
        if (number && at - number >= 1_000) parts.push(t("decision.term.idle_since_at", { time: t(key, values) }));
      } else if (value && te(`decision.term.${name}`, "en")) {
        parts.push(t(`decision.term.${name}`, { value }, number));
      }
    }
    return parts;
  }

  /** Where and when it was decided, and how long that took where routing was asked. */
  function decidedLine({ at, latency_us: us }: Decision, queue: string): string {
    const latency = us ? t("decision.took", { ms: (us / 1000).toFixed(us < 10_000 ? 1 : 0) }) : "";
    return [t("decision.lead", { queue, time: fullMoment(at, locale.value) }), latency].filter(Boolean).join(" · ");
  }

  return { t, reason, obstacle, terms, decidedLine };
}

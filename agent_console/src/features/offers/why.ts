import type { Why } from "@/api/generated/wire";

type Say = (key: string, values?: Record<string, unknown>, count?: number) => string;

export interface Saying {
  t: Say;
  day(at: number): string;
  long(ms: number): string;
}

/** Why this agent, in one sentence of the agent's language. */
export function whySentence(why: Why[], { t, day, long }: Saying): string {
  const parts = why.map(({ code, values }) => {
    switch (code) {
      case "skill":
        // The level that is needed is worth a word only where it is nearly missed.
        return Number(values["needed"]) >= Number(values["level"]) ? t("why.skillNeeded", values) : t("why.skill", values);
      case "served_before":
        return t("why.served_before", { date: day(Number(values["at"])) });
      case "longest_idle":
        // Of who has only just come there is nothing to say.
        return Number(values["idle_ms"]) < 1_000 ? "" : t("why.longest_idle", { time: long(Number(values["idle_ms"])) });
      case "direct":
      case "owner":
      case "asked_for":
      case "need":
      case "relaxed":
      case "only_one":
      case "preferred":
      case "least_loaded":
      case "most_loaded":
      case "most_skilled":
      case "least_skilled":
      case "rings_with":
      case "weighed_together":
      case "considered":
        return t(`why.${code}`, values, Number(values["count"] ?? values["points"] ?? 2));
      default:
        return "";
    }
  });
  const said = parts.filter(Boolean);
  return said.length ? said.join(t("why.join")) + t("why.end") : t("why.none");
}

import { watch } from "vue";
import type { AgentView } from "@/api/generated/wire";
import { toast } from "@/design/toasts";
import { useWords } from "@/i18n/words";
import { useLive } from "@/live/store";

export const MEDIA = ["voice", "chat", "sms", "email", "other"] as const;

/** What an agent does at all, with how many of each they have and may have. */
export function doing(agent: AgentView): { medium: (typeof MEDIA)[number]; has: number; most: number }[] {
  return MEDIA.map((medium) => ({ medium, has: agent.load[medium] ?? 0, most: agent.capacity[medium] ?? 0 })).filter((one) => one.most || one.has);
}

/** Tells the agent at once when somebody sets, or takes back, what they may have. */
export function useCapacityNews(): void {
  const { t } = useWords();
  const live = useLive();
  const inForce = (agent: AgentView | null): string =>
    agent ? JSON.stringify([agent.id, MEDIA.map((medium) => agent.capacity[medium] ?? 0), agent.most, agent.most_of]) : "";

  watch(
    () => live.agent,
    (agent, before) => {
      if (!agent || !before || agent.id !== before.id || inForce(agent) === inForce(before)) return;
      const said = MEDIA.filter((medium) => agent.capacity[medium]).map((medium) => `${t(`medium.${medium}`)} ${agent.capacity[medium]}`);
      const what = said.join(t("why.join")) || t("capacity.none");
      toast(agent.capacity_by ? t("capacity.changed", { by: agent.capacity_by, what }) : t("capacity.restored", { what }));
    },
  );
}

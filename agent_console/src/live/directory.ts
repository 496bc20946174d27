/** Colleagues with their live state, and how each queue wants wrap-up: read when somebody needs it. */
import { defineStore } from "pinia";
import { computed, shallowRef, watch } from "vue";
import type { AgentView } from "@/api/generated/wire";
import { get, type Page, type QueueWrapUp } from "@/api/rest";
import { useSession } from "./session";

const FRESH_MS = 3_000;

export const useDirectory = defineStore("directory", () => {
  const session = useSession();
  const agents = shallowRef<AgentView[]>([]);
  const wrapUps = shallowRef<Record<string, QueueWrapUp>>({});
  let readAt = 0;
  let queuesAsked = false;

  watch(() => session.me?.id, () => {
    agents.value = [];
    wrapUps.value = {};
    readAt = 0;
    queuesAsked = false;
  }, { flush: "sync" });

  /** Reads colleagues again unless they were read a moment ago. */
  async function refresh(): Promise<void> {
    if (Date.now() - readAt < FRESH_MS) return;
    readAt = Date.now();
    agents.value = (await get<Page<AgentView>>("agents")).items;
  }

  /** How the queue wants wrap-up; null until that is known. */
  function wrapUpOf(queue: string): QueueWrapUp | null {
    if (!queuesAsked) {
      queuesAsked = true;
      get<Page<{ id: string; wrap_up?: QueueWrapUp }>>("queues")
        .then((page) => (wrapUps.value = Object.fromEntries(page.items.flatMap((q) => (q.wrap_up ? [[q.id, q.wrap_up]] : [])))))
        .catch(() => (queuesAsked = false));
    }
    return wrapUps.value[queue] ?? null;
  }

  const names = computed(() => new Map(agents.value.map((a) => [a.id, a.name])));
  /** Their name, or null while it is not known: it is read then. */
  function agentName(id: string): string | null {
    if (id === session.me?.agent_id) return session.me.name;
    if (!names.value.has(id)) void refresh().catch(() => undefined);
    return names.value.get(id) ?? null;
  }

  return { agents, refresh, wrapUpOf, agentName };
});

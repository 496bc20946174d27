/** Whom work may be given to, in the order in which a person would look for them. */
import type { AgentView, WorkView } from "@/api/generated/wire";

export type Room = "free" | "full" | "not_done";

export interface Group {
  name: "queue" | "others";
  agents: AgentView[];
}

export function roomOf(agent: AgentView, medium: WorkView["medium"]): Room {
  const most = agent.capacity[medium] ?? 0;
  if (!most) return "not_done";
  return (agent.load[medium] ?? 0) < most ? "free" : "full";
}

const READY: Record<string, number> = { ready: 0, busy: 1 };

/** Those whom routing considers first; in each group those who are ready and have room, then as routing or the
 *  alphabet has them. A group of nobody is none. */
export function inGroups(agents: readonly AgentView[], considered: readonly string[], medium: WorkView["medium"]): Group[] {
  const place = new Map(considered.map((id, at) => [id, at]));
  const rank = (one: AgentView): number => (roomOf(one, medium) === "free" ? (READY[one.state] ?? 2) : 3);
  const far = considered.length;
  const ordered = [...agents].sort(
    (a, b) => rank(a) - rank(b) || (place.get(a.id) ?? far) - (place.get(b.id) ?? far) || a.name.localeCompare(b.name),
  );
  const groups: Group[] = [
    { name: "queue", agents: ordered.filter((one) => place.has(one.id)) },
    { name: "others", agents: ordered.filter((one) => !place.has(one.id)) },
  ];
  return groups.filter((group) => group.agents.length);
}

import type { Floor } from "@/api/generated/wire";

const HAPPENINGS_KEPT = 60;

/** The floor after another frame: a full one replaces, a partial one brings the rows that changed. Pure. */
export function mergeFloor(before: Floor | null, next: Floor): Floor {
  if (next.full || !before) return { ...next, recent: newestFirst(next.recent) };
  const queues = new Map(before.queues.map((q) => [q.id, q]));
  for (const queue of next.queues) queues.set(queue.id, queue);
  const agents = new Map(before.agents.map((a) => [a.agent.id, a]));
  for (const row of next.agents) agents.set(row.agent.id, row);
  return {
    at: next.at,
    full: true,
    queues: [...queues.values()],
    agents: [...agents.values()],
    recent: newestFirst([...next.recent, ...before.recent]),
  };
}

function newestFirst(lines: Floor["recent"]): Floor["recent"] {
  const seen = new Set<string>();
  return [...lines]
    .sort((a, b) => b.at - a.at)
    .filter((line) => {
      const key = `${line.at}/${line.code}/${line.interaction_id}`;
      return !seen.has(key) && seen.add(key);
    })
    .slice(0, HAPPENINGS_KEPT);
}

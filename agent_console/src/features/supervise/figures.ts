/** What the tiles say, from the queues and agents that are shown. Pure. */
import type { AgentView, Floor, QueueView } from "@/api/generated/wire";

export interface Figures {
  waiting: number;
  waitingByMedium: Record<string, number>;
  oldestAt: number | null;
  answered: number;
  within: number;
  offered: number;
  abandoned: number;
  agents: { ready: number; working: number; wrap: number; away: number };
}

type Presence = keyof Figures["agents"];
const PRESENCE: Record<AgentView["state"], Presence> = {
  ready: "ready", reserved: "working", busy: "working", wrap_up: "wrap", not_ready: "away", offline: "away",
};

export function figuresOf(queues: QueueView[], agents: Floor["agents"]): Figures {
  const made: Figures = {
    waiting: 0, waitingByMedium: {}, oldestAt: null, answered: 0, within: 0, offered: 0, abandoned: 0,
    agents: { ready: 0, working: 0, wrap: 0, away: 0 },
  };
  for (const queue of queues) {
    made.waiting += queue.waiting;
    made.answered += queue.answered_today;
    made.within += queue.within_target_today;
    made.offered += queue.offered_today;
    made.abandoned += queue.abandoned_today;
    for (const [medium, count] of Object.entries(queue.waiting_by_medium)) {
      made.waitingByMedium[medium] = (made.waitingByMedium[medium] ?? 0) + count;
    }
    const oldest = queue.oldest_waiting_at;
    if (oldest !== null && (made.oldestAt === null || oldest < made.oldestAt)) made.oldestAt = oldest;
  }
  for (const { agent } of agents) {
    // Who is signed out is not part of the floor's strength.
    if (agent.state !== "offline") made.agents[PRESENCE[agent.state]] += 1;
  }
  return made;
}

/** How a share stands against the target of 80 %: a word's tone, never colour alone. */
export function toneOfShare(part: number, whole: number): "ready" | "busy" | "danger" {
  const share = whole ? part / whole : 1;
  return share >= 0.8 ? "ready" : share >= 0.7 ? "busy" : "danger";
}

/** A wait is late past its target, and nearly late past two thirds of it. */
export function toneOfWait(waitedMs: number, targetMs: number): "" | "busy" | "danger" {
  if (targetMs <= 0) return "";
  return waitedMs > targetMs ? "danger" : waitedMs > (2 * targetMs) / 3 ? "busy" : "";
}

/** Those who need an eye first: working, then ready, then away, then signed out; by name among equals. */
export function inOrder(agents: Floor["agents"]): Floor["agents"] {
  const place: Record<AgentView["state"], number> = { reserved: 0, busy: 1, wrap_up: 2, ready: 3, not_ready: 4, offline: 5 };
  return [...agents].sort((a, b) => place[a.agent.state] - place[b.agent.state] || a.agent.name.localeCompare(b.agent.name));
}

/** Calls that go on now, and who of the supervisors hears which. Pure. */
import type { Floor, HandView, PartyView } from "@/api/generated/wire";

export interface LiveCall {
  hand: HandView;
  agentId: string;
  agentName: string;
}

/** The longest first: that is the one somebody worries about. */
export function liveCalls(agents: Floor["agents"]): LiveCall[] {
  return agents
    .flatMap((row) => row.hands.map((hand) => ({ hand, agentId: row.agent.id, agentName: row.agent.name })))
    .filter(({ hand }) => hand.medium === "voice" && hand.state === "assigned" && hand.call !== "ended")
    .sort((a, b) => a.hand.since_at - b.hand.since_at || (a.hand.interaction_id < b.hand.interaction_id ? -1 : 1));
}

const HERE = new Set<PartyView["state"]>(["calling", "ringing", "joined"]);
export const watchersOf = (hand: HandView): PartyView[] => (hand.watching ?? []).filter((p) => HERE.has(p.state));
export const mineIn = (hand: HandView, agentId: string | null | undefined): PartyView | undefined =>
  agentId ? watchersOf(hand).find((p) => p.who === agentId) : undefined;

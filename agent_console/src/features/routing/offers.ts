/** The offers of a case, as its events tell them. */
import type { EventView } from "@/api/generated/wire";

export interface Offered {
  offerId: string;
  agentId: string;
  agent: string;
  /** Empty where somebody took it by hand. */
  decisionId: string;
  at: number;
  /** `ringing` until it ends. */
  outcome: string;
}

export const OUTCOME_TONES: Record<string, string> = { ringing: "accent", accepted: "ready", rejected: "busy", expired: "busy" };

/** Newest first. What ended an offer may be told before it, or be of one that is not told at all. */
export function offersOf(events: readonly EventView[]): Offered[] {
  const found = new Map<string, Offered>();
  const ended = new Map<string, string>();
  for (const event of events) {
    const body = event.body as Record<string, unknown>;
    const offerId = String(body["offer_id"] ?? "");
    if (event.kind === "offer.made" && offerId) {
      const { agent_id: agentId = "", decision_id: decisionId = "", agent_name: agent = "" } = body as Record<string, string>;
      found.set(offerId, { offerId, agentId, agent, decisionId, at: event.at, outcome: "ringing" });
    } else if (event.kind === "offer.ended" && offerId) {
      ended.set(offerId, String(body["outcome"] ?? ""));
    }
  }
  const all = [...found.values()].map((one) => ({ ...one, outcome: ended.get(one.offerId) ?? one.outcome }));
  return all.sort((a, b) => b.at - a.at || (a.offerId < b.offerId ? 1 : -1));
}

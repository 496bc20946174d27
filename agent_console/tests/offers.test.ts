import { describe, expect, it } from "vitest";
import type { EventView } from "@/api/generated/wire";
import { offersOf } from "@/features/routing/offers";

let seq = 0;
const event = (kind: string, body: object): EventView => ({
  seq: ++seq, id: `e${seq}`, kind, interaction_id: "i", case_id: 1, medium: "sms", direction: "internal", at: 1_000 * seq, actor: { kind: "hub", id: "", name: "" }, body: body as EventView["body"], attachments: [],
}) as EventView;
const made = (offer_id: string, agent_id: string, decision_id = `d-${offer_id}`) => event("offer.made", { offer_id, agent_id, decision_id, agent_name: agent_id.toUpperCase() });
const ended = (offer_id: string, agent_id: string, outcome: string) => event("offer.ended", { offer_id, agent_id, outcome });

describe("the offers of a case", () => {
  it("are told newest first, each with what became of it", () => {
    const told = offersOf([made("o1", "mei"), ended("o1", "mei", "rejected"), made("o2", "omar")]);
    expect(told.map((one) => [one.agentId, one.outcome, one.agent, one.decisionId])).toEqual([["omar", "ringing", "OMAR", "d-o2"], ["mei", "rejected", "MEI", "d-o1"]]);
  });

  it("that ring at several are each their own", () => {
    const told = offersOf([made("o1", "mei"), made("o2", "omar"), ended("o2", "omar", "accepted"), ended("o1", "mei", "rescinded")]);
    expect(Object.fromEntries(told.map((one) => [one.agentId, one.outcome]))).toEqual({ mei: "rescinded", omar: "accepted" });
  });

  it("whose end is told without their beginning are left out, and one taken by hand has no decision", () => {
    expect(offersOf([ended("gone", "mei", "expired"), made("o1", "mei", "")])).toMatchObject([{ offerId: "o1", decisionId: "" }]);
  });
});

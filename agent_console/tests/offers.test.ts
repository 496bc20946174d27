import { describe, expect, it } from "vitest";
import type { AgentView, EventView } from "@/api/generated/wire";
import { doing } from "@/features/presence/capacity";
import { offersOf } from "@/features/routing/offers";
import { inGroups, roomOf } from "@/features/work/picking";

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

describe("whom work may be given to", () => {
  const agent = (id: string, state: string, sms: number, most = 2): AgentView => ({ id, name: id.toUpperCase(), state, chosen: "ready", load: { sms }, capacity: { sms: most } }) as unknown as AgentView;
  const order = (agents: AgentView[], considered: string[]) => inGroups(agents, considered, "sms").map((group) => [group.name, group.agents.map((one) => one.id)]);

  it("is told as free, full, or not doing it at all", () => {
    expect([agent("a", "ready", 1), agent("b", "ready", 2), agent("c", "ready", 3), agent("d", "ready", 0, 0)].map((one) => roomOf(one, "sms"))).toEqual(["free", "full", "full", "not_done"]);
    expect(roomOf(agent("a", "ready", 0), "chat")).toBe("not_done");
  });

  it("are those whom routing considers first, and who is ready with room before the rest", () => {
    const all = [agent("full", "busy", 2), agent("away", "not_ready", 0), agent("second", "ready", 0), agent("first", "ready", 1), agent("stranger", "ready", 0)];
    expect(order(all, ["first", "second", "full", "away"])).toEqual([["queue", ["first", "second", "away", "full"]], ["others", ["stranger"]]]);
  });

  it("are in the order of their names where routing says nothing, and nobody makes no group", () => {
    expect(order([agent("b", "ready", 0), agent("a", "ready", 0)], [])).toEqual([["others", ["a", "b"]]]);
    expect(order([], ["gone"])).toEqual([]);
  });
});

describe("what somebody may have at once", () => {
  it("names what they do, and what they still have of what they do no more", () => {
    const agent = { load: { sms: 2, email: 1 }, capacity: { sms: 1, chat: 3, email: 0 } } as unknown as AgentView;
    expect(doing(agent)).toEqual([{ medium: "chat", has: 0, most: 3 }, { medium: "sms", has: 2, most: 1 }, { medium: "email", has: 1, most: 0 }]);
  });
});

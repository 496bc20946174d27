import { describe, expect, it } from "vitest";
import type { EventView } from "@/api/generated/wire";
import { itemsOf } from "@/conversation/items";
import type { Outgoing } from "@/conversation/store";
import { linesOf, merge, readAgain } from "@/conversation/thread";

const NOON = new Date(2026, 10, 21, 12, 0).getTime();
let seq = 0;
function event(kind: string, body: object = {}, more: Partial<EventView> = {}): EventView {
  seq += 1;
  return {
    seq, id: `e${seq}`, kind, interaction_id: "i", case_id: 1, medium: "sms", direction: "internal", at: NOON + seq * 1000,
    actor: { kind: "hub", id: "", name: "" }, body: body as EventView["body"], attachments: [], ...more,
  };
}
const customer = { actor: { kind: "customer", id: "", name: "" } } as const;
const received = (text: string, more: Partial<EventView> = {}) => event("message.received", { text }, { ...customer, ...more });
const sent = (outbox_id: string, text = "hello") => event("message.sent", { text, outbox_id });
const delivery = (outbox_id: string, state: string, reason = "") => event("delivery.changed", { outbox_id, state, reason });
const outgoing = (more: Partial<Outgoing> = {}): Outgoing => ({
  key: "out-1", kind: "reply", interactionId: "i", text: "hello ", subject: "", at: NOON, state: "sending", error: "", message: "", ...more,
});

describe("a conversation", () => {
  it("has each event once and in order, however it came", () => {
    const [a, b, c] = [received("a"), received("b"), received("c")];
    expect(merge([a, c], [c, b]).map((e) => e.id)).toEqual([a.id, b.id, c.id]);
    const all = [a, b];
    expect(merge(all, [b])).toBe(all);
  });

  it("loses what is of another case again, and nothing that came while it was read", () => {
    const [mine, theirs, more, apart, meanwhile] = [received("a"), received("b"), received("c"), event("case.joined", { case_id: 2, state: "undone" }), received("d")];
    const joined = [mine, theirs, apart];
    const known = new Set(joined.map((e) => e.id));
    expect(readAgain([mine, theirs, more, apart, meanwhile], known, [mine, apart])).toEqual([mine, more, apart, meanwhile]);
    expect(readAgain([mine, apart, meanwhile], new Set([mine.id, apart.id, meanwhile.id]), [mine, apart]).at(-1)).toBe(meanwhile);
    expect(readAgain(joined, known, joined)).toBe(joined);
  });

  it("shows a message's delivery on the message itself", () => {
    const lines = linesOf([sent("x"), delivery("x", "accepted"), delivery("x", "delivered"), sent("y"), delivery("y", "failed", "30005")]);
    expect(lines.map((l) => l.delivery)).toEqual([{ state: "delivered", reason: "" }, { state: "failed", reason: "30005" }]);
  });

  it("does not take back a delivery when an older report comes late", () => {
    expect(linesOf([sent("x"), delivery("x", "delivered"), delivery("x", "accepted")])[0]!.delivery?.state).toBe("delivered");
  });

  it("shows that a doubtful message arrived after all", () => {
    expect(linesOf([sent("x"), delivery("x", "uncertain", "timeout"), delivery("x", "delivered")])[0]!.delivery?.state).toBe("delivered");
  });

  it("tells a walk through the menu as one line", () => {
    const lines = linesOf([event("ivr.step", { said: "1 or 2" }), event("ivr.input", { digits: "2" }, customer), event("ivr.step", { said: "wait" })]);
    expect(lines.map((l) => [l.kind, l.steps.length])).toEqual([["menu", 3]]);
  });

  it("tells what happened in one go in one line, and begins a new one after words", () => {
    const lines = linesOf([event("enqueued"), event("offer.made"), event("offer.ended"), received("hi"), event("wrap_up.started")]);
    expect(lines.map((l) => [l.kind, l.steps.length])).toEqual([["system", 2], ["customer", 1], ["system", 1]]);
  });

  it("tells a hang-up once", () => {
    const left = () => event("customer.left", {}, customer);
    const kinds = linesOf([left(), event("call.leg", { leg: "agent", state: "ended" }), left()]).flatMap((l) => l.steps.map((s) => s.kind));
    expect(kinds).toEqual(["customer.left"]);
  });

  it("does not say that the customer left when we hung up", () => {
    const kinds = linesOf([event("wrap_up.started"), event("customer.left", {}, customer)]).flatMap((l) => l.steps.map((s) => s.kind));
    expect(kinds).toEqual(["wrap_up.started"]);
  });

  it("keeps a kind that this version does not know", () => {
    expect(linesOf([event("weather.changed")])[0]!.kind).toBe("system");
  });

  it("gives the agent's side of a transcript to the agent", () => {
    const lines = linesOf([event("transcript.added", { speaker: "agent" }), event("transcript.added", { speaker: "customer" })]);
    expect(lines.map((l) => l.kind)).toEqual(["agent", "customer"]);
  });
});

describe("a letter", () => {
  const toTwo = (more: object = {}) => event("message.sent", { text: "hi", outbox_id: "o-9", subject: "s", to: ["a@x.de"], cc: ["b@y.de"], ...more }, { medium: "email" });
  const became = (outbox_id: string, state: string, recipient = "", reason = "") => event("delivery.changed", { outbox_id, state, recipient, reason });

  it("says of each recipient what became of it, and is as good as the worst", () => {
    const [line] = linesOf([toTwo(), became("o-9", "delivered", "a@x.de"), became("o-9-1", "accepted", "b@y.de"), became("o-9-1", "failed", "b@y.de", "550")]);
    expect(line!.recipients).toEqual([{ address: "a@x.de", state: "delivered", reason: "" }, { address: "b@y.de", state: "failed", reason: "550" }]);
    expect(line!.delivery).toEqual({ state: "failed", reason: "550" });
  });
  it("to one person has no list", () => {
    const [line] = linesOf([toTwo({ to: [], cc: [] }), became("o-9", "delivered")]);
    expect([line!.recipients, line!.delivery!.state]).toEqual([undefined, "delivered"]);
  });
  it("knows until when it can be taken back", () => expect(linesOf([toTwo({ send_at: 77 })])[0]).toMatchObject({ outboxId: "o-9", sendAt: 77 }));
  it("that was taken back was never said, and that is told", () => {
    const [line] = linesOf([toTwo(), became("o-9", "cancelled", "a@x.de"), became("o-9-1", "cancelled", "b@y.de")]);
    expect([line!.kind, line!.steps.map((s) => s.kind)]).toEqual(["system", ["delivery.changed"]]);
  });
  it("that had left for one of two was said", () => {
    const [line] = linesOf([toTwo(), became("o-9", "accepted", "a@x.de"), became("o-9-1", "cancelled", "b@y.de")]);
    expect([line!.kind, line!.delivery!.state]).toEqual(["agent", "accepted"]);
  });
  it("that is sent once more is on its way again", () => {
    const states = (...more: EventView[]) => linesOf([toTwo({ to: [], cc: [] }), became("o-9", "failed"), ...more])[0]!.delivery!.state;
    expect([states(became("o-9", "retry")), states(became("o-9", "retry"), became("o-9", "accepted")), states(became("o-9", "accepted"))]).toEqual(["retry", "accepted", "failed"]);
  });
  it("of a hub whose ids end in digits is not taken for another's row", () => {
    const lines = linesOf([event("message.sent", { text: "a", outbox_id: "o" }), event("message.sent", { text: "b", outbox_id: "o-1" }), became("o-1", "delivered")]);
    expect(lines.map((l) => l.delivery!.state)).toEqual(["queued", "delivered"]);
  });
});

describe("a call's conversation", () => {
  const leg = (which: string, state: string, more: object = {}) => event("call.leg", { leg: which, state, ...more });
  const bodies = (events: EventView[], supervises = false) => linesOf(events, supervises).flatMap((l) => l.steps.map((s) => s.body as Record<string, unknown>));

  it("says how long the customer was on hold", () => {
    const [, back] = bodies([event("call.hold", { on: true }, { at: NOON }), event("call.hold", { on: false }, { at: NOON + 42_000 })]);
    expect(back).toMatchObject({ on: false, held_ms: 42_000 });
  });
  it("does not tell of a muted microphone, of what was only asked of the provider, or of asking for wrap-up", () => {
    expect(linesOf([event("call.mute", { on: true }), event("recording.asked", { what: "pause" }), event("wrap_up.asked", { on: true })])).toEqual([]);
  });
  it("knows by name whose leg joined and left", () => {
    const told = bodies([event("party.added", { party_id: "p", party: "agent", who: "ag-1", name: "Jonas", purpose: "consult", mode: "talk" }), leg("party", "ringing", { party_id: "p" }), leg("party", "joined", { party_id: "p" }), leg("party", "left", { party_id: "p" })]);
    expect(told.map((b) => [b["name"], b["state"]])).toEqual([["Jonas", undefined], ["Jonas", "joined"], ["Jonas", "left"]]);
  });
  it("tells supervisors who listened, and agents nothing of it", () => {
    const listened = [event("party.added", { party_id: "s", party: "supervisor", who: "ag-2", name: "Sana", purpose: "supervise", mode: "listen" }), leg("party", "joined", { party_id: "s" }), event("party.changed", { party_id: "s", mode: "whisper" })];
    expect([bodies(listened).length, bodies(listened, true).length]).toEqual([0, 3]);
  });
  it("says that they answered only where we called them", () => {
    expect(bodies([leg("customer", "answered")])).toEqual([]);
    expect(bodies([event("call.placed", { number: "+1", reason: "agent" }), leg("customer", "answered")])).toHaveLength(2);
  });
  it("does not tell of queues and offers where an agent dialled", () => {
    const told = bodies([event("call.placed", { number: "+1", reason: "agent" }), event("enqueued", { reason: "arrived" }), event("offer.ended", { outcome: "accepted" }), leg("agent", "joined"), leg("customer", "answered")]);
    expect(told.map((b) => b["number"] ?? b["leg"])).toEqual(["+1", "customer"]);
  });
  it("does not count the music of those who wait, but what they press", () => {
    const silence = () => event("ivr.input", { digits: "", speech: "" });
    expect(bodies([event("enqueued", { reason: "arrived" }), silence(), event("ivr.step", { said: "" }), silence(), event("ivr.input", { digits: "2" })]).length).toBe(2);
    expect(bodies([event("enqueued", { reason: "arrived" }), event("queue.left"), silence()]).length).toBe(3);
  });
  it("says no more in one line than can be read", () => {
    const many = Array.from({ length: 12 }, (_, n) => event("call.hold", { on: n % 2 === 0 }));
    expect(linesOf(many).map((l) => l.steps.length)).toEqual([5, 5, 2]);
  });
  it("begins another line for what happened minutes later", () => {
    const lines = linesOf([event("enqueued"), event("call.hold", { on: true }, { at: NOON + 3_600_000 }), event("call.hold", { on: false }, { at: NOON + 3_630_000 })]);
    expect(lines.map((l) => l.steps.length)).toEqual([1, 2]);
  });
  it("shows one line for a recording, whatever was heard of it first", () => {
    const kept = event("recording.kept", { recording_id: "RE1", state: "stored", duration_ms: 9_000, purpose: "call", reason: "" });
    const completed = event("recording.changed", { recording_id: "RE1", state: "completed", duration_ms: 0, purpose: "call", reason: "" });
    for (const events of [[completed, kept], [kept, completed]]) {
      const lines = linesOf(events);
      expect(lines.map((l) => l.kind)).toEqual(["recording"]);
      expect(lines[0]!.heard).toMatchObject({ id: "RE1", state: "stored", durationMs: 9_000 });
    }
  });
  it("says of a recording that it is on its way, missing or removed", () => {
    const state = (...events: EventView[]) => linesOf(events)[0]!.heard!.state;
    const completed = () => event("recording.changed", { recording_id: "R", state: "completed", purpose: "call" });
    expect(state(completed())).toBe("pending");
    expect(state(completed(), event("recording.kept", { recording_id: "R", state: "missing", reason: "404" }))).toBe("missing");
    expect(state(event("recording.kept", { recording_id: "R", state: "stored" }), event("recording.kept", { recording_id: "R", state: "removed" }))).toBe("removed");
  });
  it("puts the words of a message with its sound, until somebody talks to an agent", () => {
    const lines = linesOf([
      event("ivr.recorded", { recording_id: "V", duration_ms: 5_000 }), event("transcript.added", { speaker: "customer", text: "call me" }),
      leg("agent", "joined"), event("transcript.added", { speaker: "customer", text: "hello" }),
    ]);
    expect(lines.map((l) => l.kind)).toEqual(["recording", "system", "customer"]);
    expect(lines[0]!.heard).toMatchObject({ purpose: "voicemail", words: ["call me"] });
  });
  it("tells what the flow asked a service as part of the walk through the menu", () => {
    const lines = linesOf([event("ivr.step", { said: "your order number?" }), event("ivr.input", { digits: "20871" }, customer), event("ivr.answered", { outcome: "found", values: { status: "shipped" } })]);
    expect(lines.map((l) => [l.kind, l.steps.length])).toEqual([["menu", 3]]);
  });
});

describe("the stream", () => {
  it("puts the day before its first line and the mark before what is new", () => {
    const old = received("old", { at: NOON - 3 * 86_400_000 });
    const lines = linesOf([old, received("a"), received("b")]);
    const items = itemsOf(lines, [], lines[1]!.seq);
    expect(items.map((i) => i.type)).toEqual(["day", "line", "day", "line", "new", "line"]);
  });

  it("shows words on their way at the end, until the hub has them", () => {
    const before = linesOf([received("a")]);
    expect(itemsOf(before, [outgoing()], null).at(-1)?.type).toBe("outgoing");
    const after = linesOf([received("a"), sent("x", "hello")]);
    expect(itemsOf(after, [outgoing()], null).map((i) => i.type)).not.toContain("outgoing");
  });

  it("goes on showing words that could not be sent, even beside the same words sent before", () => {
    const lines = linesOf([sent("x", "hello")]);
    expect(itemsOf(lines, [outgoing({ state: "failed" })], null).at(-1)?.type).toBe("outgoing");
  });

  it("does not take an earlier message for the one on its way", () => {
    const lines = linesOf([sent("x", "hello")]);
    expect(itemsOf(lines, [outgoing({ at: NOON + 3_600_000 })], null).at(-1)?.type).toBe("outgoing");
  });
});

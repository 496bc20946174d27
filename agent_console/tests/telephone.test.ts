import { describe, expect, it } from "vitest";
import type { CallView, Floor, HandView, PartyView, WorkView } from "@/api/generated/wire";
import { liveCalls, mineIn, watchersOf } from "@/features/supervise/listening";
import { fromLocal, QUICK, toLocal } from "@/features/work/callback";
import { addressOf, consulting, isLive, mayTakeOver, partiesIn, waysTo } from "@/features/work/calling";
import { after, CLOSED, PATIENCE_MS, wanted, type Gate, type Recording } from "@/features/work/gate";
import { parseDraft } from "@/features/wrap-up/draft";
import { isNumber } from "@/live/dialling";
import { isExpected } from "@/live/phone";
import { troubleOf } from "@/live/trouble";

const party = (more: Partial<PartyView> = {}): PartyView => ({
  id: "p", kind: "agent", who: "ag-1", name: "Jonas", purpose: "consult", mode: "talk", state: "joined", since_at: 0, ...more,
});
const line = (parties: PartyView[]): CallView => ({ held: false, muted: false, recording: "", consent: null, parties, task: "", number: "", attempts: 0 });

describe("card details", () => {
  const open: Gate = { at: "open", recorded: true };

  it("may be asked for only after the provider has confirmed the pause", () => {
    const { gate, ask } = wanted("on", 0);
    expect([gate.at, ask]).toEqual(["asked", true]);
    expect(after(gate, "pausing", 500).at).toBe("asked");
    expect(after(gate, "paused", 900)).toEqual(open);
  });
  it.each(["on", "starting", "pausing", "resuming", "stopping", "failed"] as Recording[])("are never open while the recording is %s", (recording) => {
    expect(wanted(recording, 0).gate.at).not.toBe("open");
    expect(after(open, recording, 0).at).toBe("warned");
  });
  it("are not asked for twice while a pause is under way", () => expect(wanted("pausing", 0).ask).toBe(false));
  it("may be asked for in a call that nobody records", () => expect(wanted("", 0)).toEqual({ gate: { at: "open", recorded: false }, ask: false }));
  it("close with a warning as soon as anything records again", () => {
    expect(after(open, "on", 0)).toEqual({ at: "warned", why: "recording" });
    expect(after({ at: "open", recorded: false }, "starting", 0)).toEqual({ at: "warned", why: "recording" });
  });
  it("stay closed when the provider keeps silent", () => {
    const asked: Gate = { at: "asked", since: 0 };
    expect(after(asked, "pausing", PATIENCE_MS + 1)).toEqual({ at: "warned", why: "slow" });
    expect(after({ at: "warned", why: "slow" }, "paused", PATIENCE_MS + 2).at).toBe("warned");
  });
  it("are done only when the provider says that it records again", () => {
    const resuming: Gate = { at: "resuming", since: 0 };
    expect(after(resuming, "paused", 10)).toBe(resuming);
    expect(after(resuming, "on", 900)).toBe(CLOSED);
    expect(after(resuming, "paused", PATIENCE_MS + 1)).toEqual({ at: "warned", why: "not_resumed" });
  });
});

describe("a call", () => {
  const work = (more: Partial<WorkView>): WorkView => ({ state: "assigned", call: "connected", ...more }) as WorkView;

  it.each([["connecting", true], ["ringing", true], ["connected", true], ["ended", false], [null, false]] as const)("that is %s is live: %s", (call, yes) => {
    expect(isLive(work({ call }))).toBe(yes);
  });
  it("in wrap-up is over", () => expect(isLive(work({ state: "wrap_up" }))).toBe(false));
  it("shows who is here or coming, in the order they were asked", () => {
    const shown = partiesIn(line([party({ id: "b", since_at: 2 }), party({ id: "a", since_at: 1, state: "calling" }), party({ id: "c", state: "left" })]), 10);
    expect(shown.map((p) => p.id)).toEqual(["a", "b"]);
  });
  it("shows for a while whom we failed to reach", () => {
    const failed = line([party({ state: "failed", since_at: 1_000 })]);
    expect([partiesIn(failed, 5_000).length, partiesIn(failed, 60_000).length]).toEqual([1, 0]);
  });
  it("does not tell the agent who only listens, but who whispers", () => {
    const supervisors = line([party({ id: "l", purpose: "supervise", mode: "listen" }), party({ id: "w", purpose: "supervise", mode: "whisper" })]);
    expect(partiesIn(supervisors, 0).map((p) => p.id)).toEqual(["w"]);
  });
  it("knows whom one talks to while the customer waits", () => {
    expect(consulting(line([party({ purpose: "conference" }), party({ id: "c" })]))?.id).toBe("c");
    expect(consulting(line([party({ state: "failed" })]))).toBeUndefined();
  });
  it("is handed over only to somebody who is in it", () => {
    expect([party(), party({ state: "ringing" }), party({ purpose: "supervise", mode: "barge" })].map(mayTakeOver)).toEqual([true, false, false]);
  });
  it("goes to a queue at once, and to people after a talk too", () => {
    expect(waysTo({ kind: "queue", id: "billing", name: "" })).toEqual(["blind"]);
    expect(waysTo({ kind: "number", id: "+4930901820", name: "" })).toEqual(["consult", "conference", "blind"]);
    expect(addressOf({ kind: "agent", id: "ag-1", name: "" })).toBe("agent:ag-1");
  });
});

describe("the telephone", () => {
  it("answers by itself what was taken or asked for, and nothing else", () => {
    expect(isExpected([{ call: "connecting", state: "assigned" }], 0, 100_000)).toBe(true);
    expect(isExpected([{ call: "connected", state: "assigned" }], 0, 100_000)).toBe(false);
    expect(isExpected([], 90_000, 100_000)).toBe(true);
    expect(isExpected([], 10_000, 100_000)).toBe(false);
  });
  it.each([[{ code: 31401 }, "denied"], [{ code: 31402 }, "no_microphone"], [{ code: 20104 }, "token"], [{ code: 53000 }, "network"], [{ name: "NotAllowedError" }, "denied"], [{ code: 1 }, "failed"], [{}, "failed"]] as const)(
    "says %j as %s", (error, what) => expect(troubleOf(error)).toBe(what),
  );
  it("can call a number, and no address or visitor", () => {
    expect(["+447700900123", "+44 7700 900123", "a@b.example", "v-7f2a", "123"].map(isNumber)).toEqual([true, true, false, false, false]);
  });
});

describe("a promised callback", () => {
  const NOON = new Date(2026, 10, 21, 12, 3).getTime();
  it("keeps its moment on the way through the form", () => {
    expect(fromLocal(toLocal(NOON))).toBe(NOON);
    expect(fromLocal("soon")).toBe(0);
  });
  it("is offered at times that people say", () => {
    expect(QUICK.map((one) => toLocal(one.at(NOON)))).toEqual(["2026-11-21T12:20", "2026-11-21T13:05", "2026-11-22T09:00"]);
  });
});

describe("an outcome that was not saved", () => {
  it("comes back as it was", () => {
    expect(parseDraft(JSON.stringify({ disposition: "solved", note: "n", status: "pending" }))).toEqual({ disposition: "solved", note: "n", status: "pending" });
  });
  it.each(["", "{", "[]", '{"status":"gone"}'])("is empty if the device kept %s", (text) => {
    expect(parseDraft(text)).toEqual({ disposition: "", note: "", status: "closed" });
  });
});

describe("who hears a call", () => {
  const hand = (more: Partial<HandView>): HandView => ({
    interaction_id: "i", case_id: 1, medium: "voice", state: "assigned", since_at: 5, customer_name: "", queue: "q", call: "connected", held: false, watching: [], ...more,
  });
  const row = (hands: HandView[]): Floor["agents"][number] => ({ agent: { id: "a", name: "A" } as never, hands });

  it("is asked of calls that go on, the longest first", () => {
    const calls = liveCalls([row([hand({ interaction_id: "new", since_at: 9 }), hand({ interaction_id: "over", call: "ended" }), hand({ interaction_id: "mail", medium: "email", call: null })]), row([hand({ interaction_id: "old" })])]);
    expect(calls.map((c) => c.hand.interaction_id)).toEqual(["old", "new"]);
  });
  it("is said of those who are in it or on their way", () => {
    const heard = hand({ watching: [party({ id: "1", who: "me" }), party({ id: "2", state: "left" }), party({ id: "3", state: "ringing" })] });
    expect(watchersOf(heard).map((p) => p.id)).toEqual(["1", "3"]);
    expect([mineIn(heard, "me")?.id, mineIn(heard, "you"), mineIn(heard, null)]).toEqual(["1", undefined, undefined]);
  });
});

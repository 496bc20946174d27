import { beforeEach, describe, expect, it } from "vitest";
import { Keeping, type KeepingPorts, type KeepState, type Local, type Stored } from "@/live/keeping";

interface Words {
  text: string;
}

let now: number;
let timers: { at: number; what: () => void }[];
let inHub: Stored<Words> | null;
let online: boolean;
let stored: string[];

beforeEach(() => {
  now = 1_000;
  timers = [];
  inHub = null;
  online = true;
  stored = [];
});

const settled = async (): Promise<void> => {
  for (let n = 0; n < 12; n += 1) await Promise.resolve();
};
async function pass(ms: number): Promise<void> {
  const end = now + ms;
  for (;;) {
    const next = timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
    if (!next) break;
    timers = timers.filter((t) => t !== next);
    now = Math.max(now, next.at);
    next.what();
    await settled();
  }
  now = end;
}

/** One device, with what it shows and was told. */
function device(kept: Local<Words> | null = null) {
  const seen = { words: null as string | null, state: "" as KeepState, replaced: [] as [string, boolean][], local: kept };
  const ports: KeepingPorts<Words> = {
    now: () => now,
    after: (ms, what) => {
      const timer = { at: now + ms, what };
      timers.push(timer);
      return () => (timers = timers.filter((t) => t !== timer));
    },
    recall: () => seen.local,
    remember: (local) => (seen.local = local),
    fetch: async () => {
      if (!online) throw new Error("offline");
      return inHub;
    },
    store: async (body) => {
      if (!online) throw new Error("offline");
      stored.push(body.text);
      inHub = { body, updated_at: now };
      return { updated_at: now };
    },
    erase: async () => void (inHub = null),
    changed: (body) => (seen.words = body?.text ?? null),
    state: (state) => (seen.state = state),
    replaced: (lost, ours) => seen.replaced.push([lost.text, ours]),
  };
  return { seen, keeping: new Keeping<Words>(ports, (body) => !!body.text.trim()) };
}

describe("a draft", () => {
  it("is on this device at once and in the hub when the fingers rest", async () => {
    const { seen, keeping } = device();
    keeping.write({ text: "He" });
    expect(seen.local?.body.text).toBe("He");
    await pass(600);
    keeping.write({ text: "Hello" });
    await pass(1_300);
    expect([stored, seen.state]).toEqual([["Hello"], "saved"]);
  });
  it("waits no longer than three seconds for fingers that never rest", async () => {
    const { keeping } = device();
    for (let n = 0; n < 8; n += 1) {
      keeping.write({ text: "x".repeat(n + 1) });
      await pass(500);
    }
    expect(stored.length).toBeGreaterThan(0);
  });
  it("is found on another device", async () => {
    inHub = { body: { text: "from there" }, updated_at: 500 };
    const { seen, keeping } = device();
    await keeping.look();
    expect([seen.words, seen.state, seen.replaced]).toEqual(["from there", "saved", []]);
  });
  it("is kept here while the hub is away, and stored when it is back", async () => {
    const { seen, keeping } = device();
    online = false;
    keeping.write({ text: "in a tunnel" });
    await pass(2_000);
    expect([seen.state, stored]).toEqual(["here", []]);
    online = true;
    await pass(10_000);
    expect([seen.state, stored]).toEqual(["saved", ["in a tunnel"]]);
  });
  it("that is newer than this device's words replaces them and says so", async () => {
    const { seen, keeping } = device({ body: { text: "old here" }, at: 100, base: 0, dirty: true });
    inHub = { body: { text: "new there" }, updated_at: 500 };
    await keeping.look();
    expect([seen.words, seen.replaced]).toEqual(["new there", [["old here", false]]]);
  });
  it("that is older than this device's words is replaced by them, and that is said too", async () => {
    const { seen, keeping } = device({ body: { text: "new here" }, at: 900, base: 100, dirty: true });
    inHub = { body: { text: "old there" }, updated_at: 500 };
    await keeping.look();
    await pass(2_000);
    expect([seen.words, seen.replaced, stored]).toEqual(["new here", [["old there", true]], ["new here"]]);
  });
  it("that both have alike is no conflict", async () => {
    const { seen, keeping } = device({ body: { text: "same" }, at: 900, base: 100, dirty: true });
    inHub = { body: { text: "same" }, updated_at: 500 };
    await keeping.look();
    expect([seen.replaced, seen.state]).toEqual([[], "saved"]);
  });
  it("that was sent elsewhere goes here too, unless more was written since", async () => {
    const sentElsewhere = device({ body: { text: "sent" }, at: 100, base: 100, dirty: false });
    await sentElsewhere.keeping.look();
    expect(sentElsewhere.seen.local).toBeNull();
    const wroteOn = device({ body: { text: "and more" }, at: 200, base: 100, dirty: true });
    await wroteOn.keeping.look();
    expect(wroteOn.seen.words).toBe("and more");
  });
  it("does not rise again after it was sent, though storing it was under way", async () => {
    const { seen, keeping } = device();
    keeping.write({ text: "gone" });
    const flying = keeping.flush();
    const arrived = keeping.sealed();
    arrived();
    await flying;
    await settled();
    expect([inHub, seen.local]).toEqual([null, null]);
  });
  it("keeps what was begun while the last letter was on its way", async () => {
    const { seen, keeping } = device();
    keeping.write({ text: "first" });
    const arrived = keeping.sealed();
    keeping.write({ text: "second" });
    arrived();
    await pass(2_000);
    expect([seen.local?.body.text, inHub?.body.text]).toEqual(["second", "second"]);
  });
  it("of nothing is none", async () => {
    const { seen, keeping } = device();
    keeping.write({ text: "a" });
    await pass(2_000);
    keeping.write({ text: "  " });
    await settled();
    expect([seen.local, inHub]).toEqual([null, null]);
  });
  it("is stored when nobody looks at it any more", async () => {
    const { keeping } = device();
    keeping.write({ text: "left in a hurry" });
    await keeping.close();
    await pass(60_000);
    expect(stored).toEqual(["left in a hurry"]);
  });
});

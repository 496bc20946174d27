import type { AgentView, Wire } from "@/api/generated/wire";
import { describe, expect, it } from "vitest";
import { createI18n } from "vue-i18n";
import { hue, initials } from "@/design/initials";
import { whySentence } from "@/features/offers/why";
import { figuresOf, toneOfShare, toneOfWait } from "@/features/supervise/figures";
import { segmentsOf } from "@/features/work/segments";
import en from "@/i18n/en";
import { clock, duration, fileSize, percent, secondsLeft } from "@/i18n/format";
import { isFull } from "@/i18n/words";
import zh from "@/i18n/zh";
import { mergeFloor } from "@/live/floor";

type Tree = { [key: string]: string | Tree };
function flat(tree: Tree, path = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === "string" ? [[`${path}${key}`, value] as [string, string]] : flat(value, `${path}${key}.`),
  );
}
const placeholders = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

describe("an agent at work", () => {
  const agent = (state: string, load: object): AgentView => ({ state, load }) as AgentView;
  it("is full where no call but all the rest takes them", () => {
    expect([agent("busy", { sms: 3 }), agent("busy", { voice: 1 }), agent("ready", { sms: 3 })].map(isFull)).toEqual([true, false, false]);
  });
});

describe("the languages", () => {
  const english = new Map(flat(en));
  const chinese = new Map(flat(zh));

  it("have the same keys", () => expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort()));
  it("say something for each", () => {
    for (const [key, words] of [...english, ...chinese]) expect(words.trim(), key).not.toBe("");
  });
  it("fill the same gaps", () => {
    // One sentence may leave a gap out in one of its plural forms, but the languages agree on which exist.
    for (const [key, words] of english) expect(placeholders(chinese.get(key)!), key).toEqual(placeholders(words));
  });
  it("have as many plural forms as each other", () => {
    for (const [key, words] of english) {
      expect(chinese.get(key)!.split(" | ").length, key).toBe(words.split(" | ").length);
    }
  });
  it("are read without a complaint", () => {
    const i18n = createI18n({ legacy: false, locale: "en", messages: { en, zh } as never });
    for (const [key] of english) {
      for (const language of ["en", "zh"]) {
        expect(() => (i18n.global as unknown as { t: (...all: unknown[]) => string }).t(key, { n: 2, count: 2 }, { locale: language, plural: 2 }), key).not.toThrow();
      }
    }
  });
});

describe("clocks and figures", () => {
  it.each([[0, "00:00"], [61_999, "01:01"], [3_661_000, "1:01:01"], [-5, "00:00"]])("clock of %i ms", (ms, said) => expect(clock(ms)).toBe(said));
  it("counts down to the last second", () => expect([1, 1_000, 1_001, 0, -7].map(secondsLeft)).toEqual([1, 1, 2, 0, 0]));
  it.each([
    [59_000, { key: "time.s", n: 59 }], [60_000, { key: "time.min", n: 1 }], [3_600_000, { key: "time.h", n: 1 }], [172_800_000, { key: "time.d", n: 2 }],
  ])("says %i ms in its largest unit", (ms, { key, n }) => expect(duration(ms)).toMatchObject({ key, values: { n } }));
  it("keeps the minutes of hours", () => expect(duration(11_400_000)).toMatchObject({ key: "time.hm", values: { h: 3, m: "10" } }));
  it.each([[999, "999 B"], [1_482_113, "1.5 MB"], [88_201, "88 kB"]])("says the size of %i bytes", (bytes, said) => expect(fileSize(bytes)).toBe(said));
  it.each([[72, 101, "71.3 %"], [0, 0, null], [3, 3, "100 %"]])("says %i of %i in per cent", (part, whole, said) => expect(percent(part, whole)).toBe(said));
});

describe("SMS segments", () => {
  it.each([
    ["", 0, 160, "gsm7"],
    ["a".repeat(160), 1, 0, "gsm7"],
    ["a".repeat(161), 2, 145, "gsm7"],
    ["€".repeat(80), 1, 0, "gsm7"],
    ["你".repeat(70), 1, 0, "ucs2"],
    ["你".repeat(71), 2, 63, "ucs2"],
    ["ç", 1, 69, "ucs2"],
    ["Ç", 1, 159, "gsm7"],
  ])("of %s", (text, segments, left, coding) => expect(segmentsOf(text)).toMatchObject({ segments, left, coding }));
  it("does not tear a character that needs two places", () => {
    expect(segmentsOf("a".repeat(152) + "€" + "b".repeat(10)).segments).toBe(2);
    // 66 + 2 places do not fit 67: the emoji moves on whole, which leaves 67 - 2 - 4.
    expect(segmentsOf("你".repeat(66) + "😀" + "你".repeat(4))).toMatchObject({ segments: 2, left: 61 });
  });
  it("names the character that made it Unicode", () => expect(segmentsOf("ab – cd").culprit).toBe("–"));
});

describe("names", () => {
  it.each([["Mei Lin 林美", "ML"], ["张伟", "张"], ["+447700900123", ""], ["a@example.com", ""], ["", ""], ["Élodie", "É"], ["Anna-Maria von Berg", "AB"]])(
    "%s has the letters %s", (name, letters) => expect(initials(name)).toBe(letters),
  );
  it("keep their colour", () => expect(hue("Mei Lin")).toBe(hue("Mei Lin")));
});

describe("why you", () => {
  const i18n = createI18n({ legacy: false, locale: "en", messages: { en } as never });
  const words = { t: (i18n.global as { t: unknown }).t as never, day: () => "3 Nov", long: () => "2 min" };
  it("is one sentence", () => {
    const why = [
      { code: "skill", values: { skill: "German", level: 5, needed: 3 } },
      { code: "served_before", values: { at: 1 } },
      { code: "least_loaded", values: { load: 2, capacity: 4 } },
    ] as never;
    expect(whySentence(why, words)).toBe("German ★5, you served them on 3 Nov, 2 of 4 in hand.");
  });
  it("leaves out a reason that it does not know", () => {
    expect(whySentence([{ code: "horoscope", values: {} }, { code: "only_one", values: {} }] as never, words)).toBe("you are the only one free to take it.");
  });
  it("says something where there is no reason", () => expect(whySentence([], words)).toBe("you were next."));
});

describe("the floor", () => {
  const queue = (id: string, more = {}) => ({
    id, name: id, waiting: 1, oldest_waiting_at: 50, offered: 0, in_hand: 0, ready: 0, able: 0, target_ms: 60_000, offered_today: 10,
    answered_today: 8, within_target_today: 6, abandoned_today: 2, waiting_by_medium: { sms: 1 }, ...more,
  });
  const agent = (id: string, state: string) => ({ agent: { id, name: id, state } as never, hands: [] });
  const line = (at: number) => ({ at, code: "enqueued", interaction_id: `i${at}`, case_id: 1, medium: "sms" as const, queue: "a", agent_name: "", customer_name: "" });
  const whole = { at: 1, full: true, queues: [queue("a"), queue("b", { oldest_waiting_at: 20 })], agents: [agent("x", "ready")], recent: [line(1)] };

  it("keeps the rows that a partial frame does not mention", () => {
    const next = mergeFloor(whole, { at: 2, full: false, queues: [queue("b", { waiting: 4 })], agents: [], recent: [line(2)] });
    expect(next.queues.map((q) => [q.id, q.waiting])).toEqual([["a", 1], ["b", 4]]);
    expect(next.agents).toHaveLength(1);
    expect(next.recent.map((l) => l.at)).toEqual([2, 1]);
  });
  it("tells a line once, though two frames brought it", () => {
    expect(mergeFloor(whole, { ...whole, full: false, recent: [line(1)] }).recent).toHaveLength(1);
  });
  it("forgets what a whole frame does not have", () => expect(mergeFloor(whole, { ...whole, queues: [] }).queues).toEqual([]));
  it("sums queues and counts who is there", () => {
    const figures = figuresOf(whole.queues, [agent("x", "ready"), agent("y", "busy"), agent("z", "offline"), agent("r", "reserved")]);
    expect(figures).toMatchObject({ waiting: 2, oldestAt: 20, answered: 16, within: 12, abandoned: 4, agents: { ready: 1, working: 2, wrap: 0, away: 0 } });
  });
  it("knows late from nearly late", () => {
    expect([10, 45, 61].map((s) => toneOfWait(s * 1000, 60_000))).toEqual(["", "busy", "danger"]);
    expect([toneOfShare(8, 10), toneOfShare(7, 10), toneOfShare(6, 10), toneOfShare(0, 0)]).toEqual(["ready", "busy", "danger", "ready"]);
  });
});

describe("what happens in calls", () => {
  // The compiler is the test: a kind of the hub's that has no words does not build.
  type Bodies = Wire["bodies"];
  it("has words for all that the hub can say", () => {
    const { line } = en;
    const told = [
      line.callback_tried satisfies Record<Bodies["callback.tried"]["outcome"], string>,
      line.callback_asked satisfies Record<Bodies["callback.asked"]["reason"], string>,
      line.call_placed satisfies Record<Bodies["call.placed"]["reason"], string>,
      line.party_added satisfies Record<Bodies["party.added"]["purpose"], string>,
      line.transferred satisfies Record<Bodies["transferred"]["how"], string>,
      line.recording satisfies Record<Bodies["recording.changed"]["state"], string>,
      line.ivr_dialled satisfies Record<Bodies["ivr.dialled"]["outcome"], string>,
      line.enqueued satisfies Record<Bodies["enqueued"]["reason"], string>,
      line.ended satisfies Record<Bodies["ended"]["reason"], string>,
      en.party.mode satisfies Record<Bodies["party.changed"]["mode"], string>,
      en.wrapUp.mode satisfies Record<Bodies["wrap_up.started"]["mode"], string>,
    ];
    expect(told.flatMap((words) => Object.values(words)).every(Boolean)).toBe(true);
  });
});

/** What routing can say has words in every language: its codes are the tables of docs/routing.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createSSRApp } from "vue";
import { createI18n } from "vue-i18n";
import { renderToString } from "vue/server-renderer";
import { whySentence } from "@/features/offers/why";
import en from "@/i18n/en";
import { useReasons } from "@/i18n/reasons";
import zh from "@/i18n/zh";

const docs = readFileSync(join(__dirname, "../../docs/routing.md"), "utf8");

/** The codes of the table that stands under these words. */
function codesUnder(words: string): string[] {
  const after = docs.split(words)[1];
  if (!after) throw new Error(`docs/routing.md doesn't say: ${words}`);
  const lines = after.split("\n").slice(2);
  const table = lines.slice(0, lines.findIndex((line) => !line.startsWith("|")));
  return table.flatMap((line) => [...line.split("|")[1]!.matchAll(/`(\w+)`/g)].map((found) => found[1]!));
}

type Words = { decision: { reason: Record<string, unknown> }; state: Record<string, unknown>; why: Record<string, unknown> };

describe.each([["English", en], ["Chinese", zh]] as [string, unknown][])("what routing says in %s", (_, said) => {
  const words = said as Words;
  it.each(["Each agent's reasons:", "What a waiting case waits for, in a word (`summary`):", "What was special about it (`remarks`):"])("has words for each code under “%s”", (under) => {
    const codes = codesUnder(under);
    expect(codes.length).toBeGreaterThan(2);
    for (const code of codes) expect(words.decision.reason[code] ?? words.state[code], code).toBeTruthy();
  });
  it("names every term that put somebody behind", () => {
    for (const by of codesUnder("What put somebody behind (`by`):")) expect((words.decision.reason["not_chosen"] as Record<string, string>)[by], by).toBeTruthy();
  });
  it("names whatever weighing cases together gains", () => {
    const better = words.decision.reason["weighed_better"] as Record<string, string>;
    for (const by of [...codesUnder("are compared by the terms of `ranking`, in its order; the id always comes last, so that the\nsame facts always give the same decision."), "served_lately", "turn", "ring"]) expect(better[by], by).toBeTruthy();
  });
  it("says each part of why somebody was chosen", () => {
    for (const code of codesUnder("The choice in a sentence (`why`):")) {
      expect(words.why[code], code).toBeTruthy();
      const say = (key: string): string => key;
      expect(whySentence([{ code: code as never, values: {} }], { t: say, day: String, long: String })).toContain(`why.${code}`);
    }
  });
});

/** What a component hears from `useReasons`, in that language. */
function reasonsIn(language: "en" | "zh"): ReturnType<typeof useReasons> {
  const i18n = createI18n({ legacy: false, locale: language, fallbackLocale: "en", messages: { en, zh } as never });
  let heard: ReturnType<typeof useReasons> | undefined;
  const app = createSSRApp({ setup: () => ((heard = useReasons()), () => null) });
  app.use(i18n);
  void renderToString(app);
  return heard!;
}

describe("sentences of routing", () => {
  const { obstacle, reason, terms, decidedLine } = reasonsIn("en");
  it.each([
    ["everyone_busy", { available: 1 }, "The one agent who could take it has their hands full."],
    ["everyone_busy", { available: 3 }, "All 3 agents who could take it have their hands full."],
    ["nobody_available", { able: 1 }, "1 agent has what it needs, and is not available."],
    ["could_take_it", { count: 2 }, "2 agents could take it now."],
  ])("%s of %o is said of one and of many", (code, values, said) => expect(obstacle({ code, values })).toBe(said));
  it("names agents, not their ids", () => {
    const ann = { agent_id: "a1", agent_name: "Ann", eligible: true, rank: 1, reasons: [], terms: {} };
    expect(obstacle({ code: "weighed_otherwise", values: { count: 2, agent_id: "a1" } }, [ann] as never)).toContain("would have gone to Ann.");
    expect(obstacle({ code: "weighed_otherwise", values: { count: 2, agent_id: "a2" } }, [])).toContain("would have gone to a2.");
  });
  it("says none as none", () => {
    expect(reason({ code: "missing_skill", values: { skill: "tax", needed: 2, has: 0 } })).toBe("no tax, needs ★2");
    expect(reason({ code: "no_capacity", values: { medium: "chat", load: 0, capacity: 0 } })).toBe("does not do this channel");
    expect(terms({ terms: { share_taken: 0, idle_since_at: 5_000, preferred_points: 1 } } as never, 5_400)).toEqual(["nothing in hand", "1 point for preferred skills"]);
  });
  it("tells how long it took only where routing was asked", () => {
    expect(decidedLine({ at: 0, latency_us: 1_500 } as never, "Support")).toContain("took 1.5 ms");
    expect(decidedLine({ at: 0, latency_us: 0 } as never, "Support")).not.toContain("took");
  });
  it("counts in Chinese too", () => expect(reasonsIn("zh").obstacle({ code: "everyone_busy", values: { available: 3 } })).toBe("能处理的 3 人手上都已满。"));
});

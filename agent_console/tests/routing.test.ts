/** What routing can say has words in every language: its codes are the tables of docs/routing.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { whySentence } from "@/features/offers/why";
import en from "@/i18n/en";
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
  it("says each part of why somebody was chosen", () => {
    for (const code of codesUnder("The choice in a sentence (`why`):")) {
      expect(words.why[code], code).toBeTruthy();
      const say = (key: string): string => key;
      expect(whySentence([{ code: code as never, values: {} }], { t: say, day: String, long: String })).toContain(`why.${code}`);
    }
  });
});

import { describe, expect, it } from "vitest";
import type { TrialRow } from "@/api/trials";
import { dayIn, difference, figure, mistakes, progress, timeIn, wait } from "@/features/replay/trial";

const words = { second: "s", points: "pp" };
const row = (unit: TrialRow["unit"], ...values: number[]): TrialRow => ({ code: "x", unit, better: "", verdict: "", values });

describe("what a trial says", () => {
  it.each([["count", 12_345, "12,345"], ["share", 0.8251, "82.5 %"], ["time", 4_240, "4.2 s"], ["time", 65_000, "01:05"], ["index", 0.98765, "0.988"]] as const)("a figure in its unit (%s)", (unit, value, said) => expect(figure(unit, value, "s")).toBe(said));
  it("a wait of nothing", () => expect(wait(0, "s")).toBe("0 s"));
  it.each([
    [row("share", 0.5, 0.7, 0.8), "+10.0 pp"], [row("share", 0.8, 0.7), "−10.0 pp"], [row("share", 0.7, 0.7002), "±0.0 pp"],
    [row("time", 1_000, 61_500), "+01:00"], [row("time", 900, 400), "−0.5 s"], [row("count", 3, 3), "±0"], [row("index", 0.9, 0.95), "+0.050"],
  ])("the difference of the last two columns", (of, said) => expect(difference(of, words)).toBe(said));
  it("how far it is, whatever it does", () => {
    const at = (phase: "reading" | "simulating" | "telling", done: number, whole: number, kind: "policy" | "experiment" = "policy") => progress({ phase, done, whole, kind });
    expect([at("reading", 0, 0), at("reading", 5, 10), at("simulating", 1, 2), at("telling", 1, 1)]).toEqual([0, 28, 75, 100]);
    expect(at("reading", 5, 10, "experiment")).toBe(50);
  });
  it("days and times by the house's clock", () => {
    const late = Date.UTC(2026, 2, 1, 23, 30);
    expect([dayIn(late, "Europe/Berlin"), dayIn(late, "UTC"), timeIn(late, "Europe/Berlin")]).toEqual(["2026-03-02", "2026-03-01", "00:30"]);
  });
  it("mistakes with their place, where they have one", () =>
    expect(mistakes("policy.yaml:2:3: policy.rankin: there is no such setting\npolicy.yaml: and there is more\n")).toEqual([
      { line: 2, column: 3, text: "policy.rankin: there is no such setting" },
      { line: 0, column: 0, text: "and there is more" },
    ]));
});

import { describe, expect, it } from "vitest";
import { busiest, centredOn, exitsOf, offsetOf, panned, zoomed } from "@/features/flows/view";

const whole = { x: 0, y: 0, width: 1000, height: 800 };

describe("looking at a flow", () => {
  it("comes closer around the point that is pointed at", () => {
    const near = zoomed(whole, whole, 0.5, 0.2, 0.8);
    expect(near).toEqual({ x: 100, y: 320, width: 500, height: 400 });
    // The point is still the same point of the drawing.
    expect([near.x + near.width * 0.2, near.y + near.height * 0.8]).toEqual([200, 640]);
  });
  it("stops before there is nothing to see", () => {
    const close = Array.from({ length: 40 }).reduce<typeof whole>((box) => zoomed(box, whole, 0.5), whole);
    const far = Array.from({ length: 40 }).reduce<typeof whole>((box) => zoomed(box, whole, 2), whole);
    expect([close.width, far.width]).toEqual([1000 / 12, 4000]);
  });
  it("never loses the drawing", () => {
    const away = Array.from({ length: 50 }).reduce<typeof whole>((box) => panned(box, whole, 1, -1), whole);
    expect(away).toEqual({ x: 500, y: -400, width: 1000, height: 800 });
  });
  it("brings a step to the middle", () => {
    const near = { x: 0, y: 0, width: 200, height: 160 };
    expect(centredOn({ x: 500, y: 400, width: 100, height: 40 }, near, whole)).toEqual({ x: 450, y: 340, width: 200, height: 160 });
  });
});

describe("a flow's counts", () => {
  it("put first where people are now", () => {
    expect(busiest({ b: { now: 0, today: 9 }, a: { now: 2, today: 2 }, d: { now: 0, today: 1 }, c: { now: 0, today: 1 } })).toEqual(["a", "b", "c", "d"]);
  });
  it("tell the exits of one step, most taken first", () => {
    const exits = { "menu 1": 3, "menu no input": 7, "menu_two 1": 99 };
    expect(exitsOf(exits, "menu")).toEqual([{ exit: "no input", count: 7 }, { exit: "1", count: 3 }]);
  });
});

describe("a problem's place in the text", () => {
  const text = "flow: main\n  next: nowhere\n\nend";
  it.each([[1, 1, "flow"], [2, 9, "nowhere"], [4, 1, "end"]])("line %i column %i is where “%s” begins", (row, column, word) => {
    expect(text.slice(offsetOf(text, row, column)).startsWith(word)).toBe(true);
  });
  it("past a line's end is its end, past the text's end is its end", () => {
    expect(offsetOf(text, 1, 99)).toBe(10);
    expect(offsetOf(text, 99, 1)).toBe(text.length);
  });
});

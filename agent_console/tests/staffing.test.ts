import { describe, expect, it } from "vitest";
import { line, nearest, points, scale, scales, ticks, timeTicks } from "@/features/staffing/plot";

describe("a plot", () => {
  it("lays values along its axes, the highest at the top", () => {
    const box = { width: 100, height: 100, left: 10, right: 10, top: 10, bottom: 10 };
    const at = scales(box, [0, 8], [0, 1]);
    expect([at.x(0), at.x(4), at.x(8)]).toEqual([10, 50, 90]);
    expect([at.y(0), at.y(0.5), at.y(1)]).toEqual([90, 50, 10]);
  });
  it("puts the only value there is into the middle", () => expect(scale([3, 3], [0, 10])(3)).toBe(5));
  it("draws a gap where nothing is known", () => expect(line([[0, 1], [1, 2.04], null, [3, 4]])).toBe("M0 1L1 2M3 4"));
  it("draws nothing of nothing", () => expect(line([null, null])).toBe(""));
  it.each([
    [0, 10, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [0, 3, 10, [0, 1, 2, 3]],
    [12, 47, 5, [20, 30, 40]],
    [0, 0, 10, [0]],
  ])("marks %i to %i with about %i round numbers", (from, to, most, found) => expect(ticks(from, to, most)).toEqual(found));
  it.each([
    [300, 5, [0, 60, 120, 180, 240, 300]],
    [50, 5, [0, 10, 20, 30, 40, 50]],
    [0.4, 5, [0]],
    [40_000, 5, [0, 10_800, 21_600, 32_400]],
  ])("marks %f seconds with at most %i and nought", (to, most, found) => expect(timeTicks(to, most)).toEqual(found));
  it("finds what lies nearest", () => {
    expect(nearest([1, 5, 9], 6, (n) => n)).toBe(5);
    expect(nearest([], 6, (n: number) => n)).toBeNull();
  });
  it.each([[0.7, 0.79, "+9"], [0.7, 0.56, "−14"], [0.7, 0.701, "±0"]])("says %f to %f in points", (from, to, said) => expect(points(from, to)).toBe(said));
});

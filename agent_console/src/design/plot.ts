/** What a plot draws, as numbers and words. Pure. */

export interface Box {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export type Point = readonly [x: number, y: number];
export type Scale = (value: number) => number;

/** Values from `from` to `to` along a plot's axis. A range of nothing lies in the middle. */
export function scale([from, to]: Point, [start, end]: Point): Scale {
  if (to === from) return () => (start + end) / 2;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

export function scales(box: Box, xs: Point, ys: Point): { x: Scale; y: Scale } {
  return { x: scale(xs, [box.left, box.width - box.right]), y: scale(ys, [box.height - box.bottom, box.top]) };
}

const short = (n: number): string => String(Math.round(n * 10) / 10);

/** The points as a line; a gap where one is missing. */
export function line(points: readonly (Point | null)[]): string {
  let drawn = "";
  let pen = "M";
  for (const point of points) {
    if (point) drawn += `${pen}${short(point[0])} ${short(point[1])}`;
    pen = point ? "L" : "M";
  }
  return drawn;
}

/** About `most` round numbers from `from` to `to`, whole ones. */
export function ticks(from: number, to: number, most: number): number[] {
  const span = Math.max(1, to - from);
  const rough = span / Math.max(1, most);
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= rough)!);
  const found: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to + 1e-9; at += step) found.push(at);
  return found;
}

/** The nearest of the points to `value`, by x. */
export function nearest<T>(of: readonly T[], value: number, by: (one: T) => number): T | null {
  return of.reduce<T | null>((best, one) => (best === null || Math.abs(by(one) - value) < Math.abs(by(best) - value) ? one : best), null);
}

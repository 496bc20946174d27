/** Where one looks at a drawing: its viewBox moved and scaled, within reason. Pure. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** How far in and out: a step fills the screen, or the drawing is a quarter of it. */
const CLOSEST = 12;
const FARTHEST = 4;

/** `factor` below 1 comes closer; the point (`px`, `py`), a share of the box, stays where it is. */
export function zoomed(box: Box, whole: Box, factor: number, px = 0.5, py = 0.5): Box {
  const width = Math.min(whole.width * FARTHEST, Math.max(whole.width / CLOSEST, box.width * factor));
  const scale = width / box.width;
  const height = box.height * scale;
  return kept({ x: box.x + (box.width - width) * px, y: box.y + (box.height - height) * py, width, height }, whole);
}

/** Moved by a share of what is seen. */
export const panned = (box: Box, whole: Box, dx: number, dy: number): Box => kept({ ...box, x: box.x + box.width * dx, y: box.y + box.height * dy }, whole);

/** The middle of what is seen never leaves the drawing. */
function kept(box: Box, whole: Box): Box {
  const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
  return {
    ...box,
    x: clamp(box.x, whole.x - box.width / 2, whole.x + whole.width - box.width / 2),
    y: clamp(box.y, whole.y - box.height / 2, whole.y + whole.height - box.height / 2),
  };
}

/** `target` in the middle, at a size that can be read. */
export function centredOn(target: Box, box: Box, whole: Box): Box {
  return kept({ ...box, x: target.x + target.width / 2 - box.width / 2, y: target.y + target.height / 2 - box.height / 2 }, whole);
}

/** The steps by how many are there now, then by today, then by name. */
export function busiest(steps: Record<string, { now: number; today: number }>): string[] {
  return Object.keys(steps).sort((a, b) => steps[b]!.now - steps[a]!.now || steps[b]!.today - steps[a]!.today || a.localeCompare(b));
}

/** `exits` is keyed "step exit": those of one step, most taken first. */
export function exitsOf(exits: Record<string, number>, step: string): { exit: string; count: number }[] {
  const head = `${step} `;
  return Object.entries(exits)
    .filter(([key]) => key.startsWith(head))
    .map(([key, count]) => ({ exit: key.slice(head.length), count }))
    .sort((a, b) => b.count - a.count || a.exit.localeCompare(b.exit));
}

/** Where line `line`, column `column` (both from 1) begins in the text. */
export function offsetOf(text: string, line: number, column: number): number {
  let from = 0;
  for (let n = 1; n < line; n += 1) {
    const next = text.indexOf("\n", from);
    if (next < 0) return text.length;
    from = next + 1;
  }
  const end = text.indexOf("\n", from);
  return Math.min(from + Math.max(0, column - 1), end < 0 ? text.length : end);
}

/** A flow's drawing, made safe to stand in this page, with its counts written onto the steps. */

const SVG = "http://www.w3.org/2000/svg";
const ALLOWED = new Set(["svg", "g", "defs", "style", "title", "desc", "marker", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "a", "clippath", "lineargradient", "stop"]);

/** The drawing as an element, or null if it is none. Whatever could run or load something is left out. */
export function readDrawing(text: string, dark: boolean): SVGSVGElement | null {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (root.nodeName !== "svg" || parsed.querySelector("parsererror")) return null;
  for (const element of [...root.querySelectorAll("*")]) {
    if (!ALLOWED.has(element.localName.toLowerCase())) element.remove();
    else clean(element);
  }
  clean(root);
  for (const style of root.querySelectorAll("style")) style.textContent = themed(style.textContent ?? "", dark);
  const svg = document.importNode(root, true) as unknown as SVGSVGElement;
  if (!svg.hasAttribute("viewBox")) svg.setAttribute("viewBox", `0 0 ${parseFloat(svg.getAttribute("width") ?? "800")} ${parseFloat(svg.getAttribute("height") ?? "600")}`);
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  return svg;
}

function clean(element: Element): void {
  for (const { name, value } of [...element.attributes]) {
    const link = name === "href" || name === "xlink:href";
    const flow = link && /^\.\.\/([\w-]+)\/diagram\.svg$/.exec(value)?.[1];
    if (flow) element.setAttribute("data-flow-link", flow);
    if (name.toLowerCase().startsWith("on") || (link && !value.startsWith("#") && !value.startsWith("/"))) element.removeAttribute(name);
  }
}

/** The drawing follows the system; the person may have chosen otherwise here. */
const themed = (css: string, dark: boolean): string =>
  css
    .replace(/@import[^;]*;?/gi, "")
    .replace(/@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)/gi, dark ? "@media all" : "@media not all")
    .replace(/@media\s*\(\s*prefers-color-scheme\s*:\s*light\s*\)/gi, dark ? "@media not all" : "@media all");

export const stepsIn = (svg: SVGSVGElement): SVGGraphicsElement[] => [...svg.querySelectorAll<SVGGraphicsElement>("[data-step]")];

/** How the badge and the chosen step look; the page's tokens reach into the shadow. */
export const OVERLAY_STYLE = `
  svg { display: block; width: 100%; height: 100%; --flow-ground: var(--canvas) !important; }
  [data-flow-link] { cursor: pointer; }
  [data-step] { cursor: pointer; outline: none; }
  .cc-count rect { fill: var(--accent); } .cc-count text { fill: var(--ink-on-accent); font: 600 11px var(--font); }
  .cc-count.cc-idle rect { fill: var(--away-soft); stroke: var(--line-strong); } .cc-count.cc-idle text { fill: var(--away); }
  .cc-ring { fill: none; stroke: var(--accent-ink); stroke-width: 3; pointer-events: none; }
`;

export interface Overlay {
  counts: Record<string, { now: number; today: number }>;
  chosen: string;
  label(step: string, now: number, today: number): string;
}

/** Writes who is where onto the steps; what was written before is taken away. */
export function overlay(svg: SVGSVGElement, { counts, chosen, label }: Overlay): void {
  for (const old of svg.querySelectorAll(".cc-count, .cc-ring")) old.remove();
  for (const step of stepsIn(svg)) {
    const name = step.dataset["step"]!;
    const { now = 0, today = 0 } = counts[name] ?? {};
    step.setAttribute("tabindex", "-1");
    step.setAttribute("aria-label", label(name, now, today));
    const box = step.getBBox();
    // Inside the step, whose own place in the drawing then moves what is written too.
    if (name === chosen) step.append(shape("rect", "cc-ring", { x: box.x - 4, y: box.y - 4, width: box.width + 8, height: box.height + 8, rx: 10 }));
    if (now || today) step.append(badge(box, now, today));
  }
}

/** Where the step stands in the drawing's own units, whatever moved it there. */
export function boxOf(svg: SVGSVGElement, step: SVGGraphicsElement): { x: number; y: number; width: number; height: number } {
  const { x, y, width, height } = step.getBBox();
  const onto = svg.getScreenCTM()?.inverse().multiply(step.getScreenCTM() ?? new DOMMatrix());
  if (!onto) return { x, y, width, height };
  const corner = new DOMPoint(x, y).matrixTransform(onto);
  const other = new DOMPoint(x + width, y + height).matrixTransform(onto);
  return { x: corner.x, y: corner.y, width: other.x - corner.x, height: other.y - corner.y };
}

function badge(box: DOMRect, now: number, today: number): SVGElement {
  const words = now ? `${now}` : `${today}`;
  const width = 12 + words.length * 7;
  const group = shape("g", now ? "cc-count" : "cc-count cc-idle", {});
  const text = shape("text", "", { x: box.x + box.width - 6, y: box.y + 4, "text-anchor": "middle" });
  text.textContent = words;
  group.append(shape("rect", "", { x: box.x + box.width - 6 - width / 2, y: box.y - 9, width, height: 18, rx: 9 }), text);
  group.setAttribute("aria-hidden", "true");
  return group;
}

function shape(name: string, className: string, values: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name);
  if (className) made.setAttribute("class", className);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, String(value));
  return made;
}

// Elements and icons. Text is always text: nothing that came from outside becomes markup here.

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  phone: "M6.6 4h3l1.5 4-2 1.6a12 12 0 0 0 5.3 5.3l1.6-2 4 1.5v3a1.6 1.6 0 0 1-1.8 1.6A15.5 15.5 0 0 1 5 5.8 1.6 1.6 0 0 1 6.6 4Z",
  down: "M3.5 14.5c4.7-4.7 12.3-4.7 17 0l-2.2 2.6-3.7-1.3v-2.4a10 10 0 0 0-5.2 0v2.4l-3.7 1.3Z",
  message: "M5 5.5h14a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5h-8l-4.5 3.5v-3.5H5A1.5 1.5 0 0 1 3.5 15V7A1.5 1.5 0 0 1 5 5.5Z",
  mail: "M4 6h16v12H4zM4 7l8 6 8-6",
  shop: "M4 9h16l-1.2-4H5.2ZM5.5 9v10h13V9M10 19v-5h4v5",
  send: "M12 19V6M6.5 11.2 12 5.7l5.5 5.5",
  mic: "M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4ZM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3",
  sound: "M4.5 10v4h3l4 3.5v-11l-4 3.5ZM15 9.5a3.5 3.5 0 0 1 0 5M17.3 7a7 7 0 0 1 0 10",
  silent: "M4.5 10v4h3l4 3.5v-11l-4 3.5ZM15.5 9.5l5 5M20.5 9.5l-5 5",
  reload: "M19 12a7 7 0 1 1-2-4.9M19 4v4h-4",
  back: "M14.5 6 8.5 12l6 6",
  reply: "M10 8 5 12.5 10 17M5.5 12.5H14a5 5 0 0 1 5 5",
  pencil: "M5 19l1-4L16.5 4.5l3 3L9 18ZM14.5 6.5l3 3",
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2.5 12.8l4 4L14 8.5M11 16l1 1 8.5-9.5",
  clip: "M17 11l-5.5 5.5a3 3 0 0 1-4.3-4.3L13.5 6a2 2 0 0 1 3 2.8l-6 6",
  sun: "M12 8.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4",
  moon: "M19 14.5A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5Z",
  note: "M9 17.5V6l9-2v11.5M9 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0ZM18 15.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z",
  headset: "M4.5 14v-2a7.5 7.5 0 0 1 15 0v2M4.5 13.5h2.6v5H6a1.5 1.5 0 0 1-1.5-1.5ZM19.5 13.5h-2.6v5H18a1.5 1.5 0 0 0 1.5-1.5ZM18 18.5c0 1.5-2 2.5-4.5 2.5",
  keys: "M6 6h.01M12 6h.01M18 6h.01M6 12h.01M12 12h.01M18 12h.01M6 18h.01M12 18h.01M18 18h.01",
  storm: "M7 15a4 4 0 0 1 .5-8 5 5 0 0 1 9.3 1.5A3.3 3.3 0 0 1 17 15M12.5 11l-2.5 4h3.5L11 20",
  plus: "M12 5.5v13M5.5 12h13",
  person: "M12 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM5 20a7 7 0 0 1 14 0",
};

export const $ = (id) => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button that is only an icon, with its name for those who hear it and those who hover. */
export function dress(button, name, label) {
  if (button.dataset.icon !== name) button.replaceChildren(icon(name));
  button.dataset.icon = name;
  button.setAttribute("aria-label", label);
  button.title = label;
}

/** Replaces the children only where `key` says that something is different: focus and selection stay. */
export function show(element, key, make) {
  if (element.dataset.key === key) return false;
  element.dataset.key = key;
  element.replaceChildren(...[make()].flat());
  return true;
}

export const toEnd = (element) => { element.scrollTop = element.scrollHeight; };

export const kept = {
  get(name) { try { return localStorage.getItem("try." + name) ?? ""; } catch { return ""; } },
  set(name, value) { try { localStorage.setItem("try." + name, value); } catch { /* a page without storage still works */ } },
};

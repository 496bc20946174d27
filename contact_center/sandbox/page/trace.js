// One quiet line under each place: what the hub made of it, as far as the outside can tell; all of it on demand.

import { h, show } from "./dom.js";
import { time, words } from "./words.js";

const good = (line) => !line.error && line.status < 400;

function sentence(line) {
  const t = words();
  if (line.what === "mail.to_hub") return [true, t.traceMailOut];
  if (line.what === "mail.to_customer") return [true, t.traceMailIn];
  if (good(line)) return [true, t.traceWebhook(line.status, line.ms)];
  return [false, t.traceFailed(line.reason || `HTTP ${line.status}`)];
}

export function trace(element, lines) {
  const t = words();
  show(element, JSON.stringify(lines) + document.documentElement.lang, () => {
    if (!lines.length) return h("p", { class: "trace idle" }, h("i", { class: "dot" }), t.traceNone);
    const [ok, text] = sentence(lines[0]);
    const open = element.querySelector("details")?.open;
    return h("details", { class: "trace-all", open },
      h("summary", { class: "trace " + (ok ? "ok" : "bad"), title: t.traceOpen },
        h("i", { class: "dot" }), h("span", {}, text), h("time", {}, time(lines[0].at))),
      h("ul", {}, lines.map((line) => {
        const [fine, said] = sentence(line);
        return h("li", { class: fine ? "ok" : "bad" },
          h("time", {}, time(line.at)),
          h("span", {}, line.path ? `${t.what[line.what.replace(" (again)", "")] ?? line.what} ${line.path.replace(/^\/webhooks\/[^/]+/, " ")}` : said),
          h("b", {}, line.path ? (line.status ? `${line.status} · ${line.ms} ms` : line.reason.slice(0, 40)) : ""));
      })));
  });
}

export function plain(element, state, text) {
  show(element, state + text, () => h("p", { class: "trace " + state }, h("i", { class: "dot" }), text));
}

// The list lies over what is above it: any click or key elsewhere puts it away.
function putAway(event) {
  for (const open of document.querySelectorAll(".trace-all[open]")) {
    if (event.type === "keydown" ? event.key === "Escape" : !open.contains(event.target)) open.open = false;
  }
}
document.addEventListener("pointerdown", putAway);
document.addEventListener("keydown", putAway);

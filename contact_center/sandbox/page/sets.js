// The other telephones: agents' desks, a supervisor's, somebody outside. One person can play them all.

import { $, dress, h, icon, show, toEnd } from "./dom.js";
import { post } from "./link.js";
import { chime, dtmf, tongue } from "./sound.js";
import { length, words } from "./words.js";

const LIVE = ["queued", "ringing", "in-progress"];
const MANNERS = ["", "ring", "busy", "no-answer", "failed"];
const cards = new Map(), rang = new Set();
let sets = [], failed = new Map();

const current = (set) => set.calls.find((call) => LIVE.includes(call.status)) ?? set.calls[0] ?? null;
const live = (call) => call !== null && LIVE.includes(call.status);
const rings = (call) => live(call) && call.status !== "in-progress" && call.direction !== "inbound";
/** Telephones that wait for a person to pick them up. */
export const waiting = () => sets.filter((set) => set.answers === "ring" && rings(current(set))).length;

async function tell(set, path, body) {
  failed.delete(set.number);
  try {
    await post(path, body);
    return true;
  } catch (error) {
    failed.set(set.number, error.message);
    render();
    return false;
  }
}

function others(call) {
  const names = call.with.map((party) => party.name);
  return new Intl.ListFormat(document.documentElement.lang, { type: "conjunction" }).format(names);
}

function stateText(set, call) {
  const t = words();
  if (failed.has(set.number)) return failed.get(set.number);
  if (!call) return t.setIdle;
  if (rings(call)) return t.setRings;
  if (!live(call)) return { busy: t.busy, failed: t.failed, "no-answer": t.noAnswer, canceled: t.canceled }[call.status] ?? t.ended(length(call.seconds));
  if (call.with.length) return t.setWith(others(call));
  return { conference: t.setAlone, recording: t.recording, menu: t.menu, bridged: t.menu }[call.where] ?? t.menu;
}

function badges(call) {
  const t = words(), shown = [];
  if (!live(call)) return shown;
  if (call.recorded) shown.push(["rec", t.recorded]);
  if (call.hold) shown.push(["hold", t.onHold]);
  if (call.muted) shown.push(["muted", t.muted]);
  if (call.coaching) shown.push(["coach", t.coaches(call.coaching)]);
  for (const name of call.coached_by) shown.push(["coach", t.coachedBy(name)]);
  return shown;
}

function line(one) {
  const t = words();
  if (one.kind === "heard") return h("p", { class: "heard" }, h("b", {}, one.name), one.text);
  if (one.kind === "say" || one.kind === "announce") return h("p", { lang: tongue(one.language || "en") }, h("b", {}, t.hubSays), one.text);
  if (one.kind === "me") return h("p", { class: "mine" }, one.text);
  if (one.kind === "key") return h("p", { class: "small" }, t.keyPressed(one.text));
  if (one.kind === "music") return h("p", { class: "small" }, icon("note"), t.music);
  if (one.kind === "beep") return h("p", { class: "small" }, t.beep);
  return h("p", { class: "small" }, one.text);
}

function linesOf(call) {
  const lines = call?.lines ?? [];
  return lines.filter((one, i) => !(one.kind === "music" && lines[i - 1]?.kind === "music")).slice(-24);
}

function card(number) {
  const find = () => sets.find((set) => set.number === number);
  const call = () => current(find());
  const part = (name, tag = "div", more = {}) => h(tag, { class: name, ...more });
  const parts = {
    name: part("set-name", "h3"), number: part("set-number", "p"), state: part("set-state", "div", { role: "status" }), badges: part("set-badges", "ul"),
    log: part("set-log", "div", { role: "log", tabindex: "0" }), manner: h("select", { class: "set-manner" }),
    say: h("input", { type: "text", maxlength: "2000", autocomplete: "off" }), send: h("button", { type: "submit", class: "round small" }),
    keys: h("button", { type: "button", class: "round small" }), answer: h("button", { type: "button", class: "round small green" }),
    down: h("button", { type: "button", class: "round small red" }), pad: part("set-pad"),
  };
  parts.log.addEventListener("scroll", () => { parts.log.dataset.end = String(parts.log.scrollTop + parts.log.clientHeight > parts.log.scrollHeight - 12); });
  parts.manner.addEventListener("change", () => tell(find(), "/phones", { number, answers: parts.manner.value }));
  parts.answer.addEventListener("click", () => tell(find(), `/calls/${call().sid}/answer`));
  parts.down.addEventListener("click", () => tell(find(), `/calls/${call().sid}/hang_up`));
  parts.keys.addEventListener("click", () => { parts.pad.hidden = !parts.pad.hidden; render(); });
  parts.pad.hidden = true;
  parts.pad.append(...[..."123456789*0#"].map((key) => h("button", { type: "button", class: "pad-key", "data-digit-of": key, onclick: () => {
    dtmf(key);
    if (call()?.status === "in-progress") tell(find(), `/calls/${call().sid}/digits`, { digits: key, wait_ms: 0 });
  } }, key)));
  parts.form = h("form", { class: "set-say", autocomplete: "off" }, parts.say, parts.send, parts.keys);
  parts.form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = parts.say.value.trim();
    if (text && live(call()) && (await tell(find(), `/calls/${call().sid}/speech`, { text, wait_ms: 0 }))) parts.say.value = "";
  });
  const who = h("div", { class: "set-who" }, parts.name, parts.number);
  parts.face = part("face", "span", { "aria-hidden": "true" });
  const head = h("header", { class: "set-head" }, parts.face, who, h("div", { class: "set-calls" }, parts.answer, parts.down));
  const element = h("article", { class: "set card" }, head, parts.state, parts.badges, parts.log, parts.pad, parts.form, h("label", { class: "set-foot" }, h("span", { class: "manner-label" }), parts.manner));
  return { element, parts };
}

function dressCard({ element, parts }, set) {
  const t = words(), call = current(set), on = live(call), ringing = rings(call), lang = document.documentElement.lang;
  const name = set.name || set.number;
  element.setAttribute("aria-label", name);
  element.classList.toggle("ringing", ringing);
  element.classList.toggle("talking", on && !ringing);
  parts.name.textContent = name;
  parts.number.textContent = set.number;
  show(parts.face, set.kind, () => icon(set.kind === "desk" ? "headset" : "phone"));
  element.dataset.kind = set.kind;
  const clock = on && call.answered_at ? length((Date.now() - call.answered_at) / 1000) : "";
  show(parts.state, stateText(set, call) + clock + lang, () => [h("span", {}, stateText(set, call)), clock ? h("b", {}, clock) : ""].filter(Boolean));
  parts.state.classList.toggle("bad", failed.has(set.number));
  show(parts.badges, JSON.stringify(badges(call)) + lang, () => badges(call).map(([kind, text]) => h("li", { class: kind }, text)));
  const lines = linesOf(call);
  const log = parts.log, key = (call?.sid ?? "") + lines.map((one) => one.n).join() + lang;
  const fresh = show(log, key, () => (lines.length ? lines.map(line) : h("p", { class: "small" }, t.setEmpty)));
  // Whoever reads further up is left there.
  if (fresh || log.dataset.end !== "false") toEnd(log);
  parts.log.setAttribute("aria-label", t.captions);
  parts.answer.hidden = !ringing;
  parts.down.hidden = !on;
  dress(parts.answer, "phone", t.answer);
  dress(parts.down, "down", ringing ? t.decline : t.hangUp);
  dress(parts.send, "send", t.saySend);
  dress(parts.keys, "keys", t.keypad);
  parts.keys.setAttribute("aria-expanded", String(!parts.pad.hidden));
  parts.say.placeholder = t.say;
  parts.say.setAttribute("aria-label", t.sayAs(name));
  parts.say.disabled = parts.send.disabled = !on || ringing;
  for (const key of parts.pad.children) key.setAttribute("aria-label", t.key(key.dataset.digitOf));
  element.querySelector(".manner-label").textContent = t.whenRung;
  const usual = set.kind === "desk" ? t.manners.answer : t.manners.usualRing;
  const choices = set.kind === "desk" ? MANNERS : MANNERS.map((one) => (one === "ring" ? "answer" : one));
  if (show(parts.manner, lang + set.kind, () => choices.map((one) => h("option", { value: one }, one === "" ? usual : t.manners[one]))) || document.activeElement !== parts.manner) {
    parts.manner.value = set.usual ? "" : set.answers;
  }
}

export function take(state) {
  sets = state.phones;
  for (const set of sets) {
    const call = current(set);
    if (set.answers === "ring" && set.kind === "desk" && rings(call) && !rang.has(call.sid)) { rang.add(call.sid); chime(); }
  }
  render();
}

export function render() {
  const grid = $("sets");
  const wanted = new Set(sets.map((set) => set.number));
  for (const [number, one] of cards) if (!wanted.has(number)) { one.element.remove(); cards.delete(number); }
  sets.forEach((set, place) => {
    if (!cards.has(set.number)) cards.set(set.number, card(set.number));
    const { element } = cards.get(set.number);
    if (grid.children[place] !== element) grid.insertBefore(element, grid.children[place] ?? null);
    dressCard(cards.get(set.number), set);
  });
}

export function begin() {
  $("set-add").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = $("set-new"), number = field.value.replace(/\s/g, "");
    try {
      await post("/phones", { number });
      field.value = "";
      field.setCustomValidity("");
    } catch (error) {
      field.setCustomValidity(error.message);
      field.reportValidity();
    }
  });
  $("set-new").addEventListener("input", () => $("set-new").setCustomValidity(""));
  setInterval(() => { if (sets.some((set) => live(current(set)))) render(); }, 1000);
}

// Text messages, with what became of each.

import { $, dress, h, icon, kept, show, toEnd } from "./dom.js";
import { post } from "./link.js";
import { chime } from "./sound.js";
import { time, words } from "./words.js";

let person = null, texts = null;

const draft = () => `sms.${person.number}`;

function mark(text) {
  const t = words();
  if (text.status === "failed" || text.error) {
    return h("span", { class: "fate bad" }, t.failedText, " · ",
      h("button", { type: "button", class: "link", onclick: () => send(text.body) }, t.again));
  }
  return h("span", { class: "fate" }, h("time", {}, time(text.at)), text.mine ? (text.status === "received" ? [icon("checks"), t.received] : [icon("check"), t.queued]) : "");
}

const bubble = (text) => h("div", { class: "bubble " + (text.mine ? "mine" : "theirs") }, h("p", {}, text.body), mark(text));

async function send(body) {
  $("sms-error").hidden = true;
  try {
    await post("/sms", { from: person.number, text: body });
    return true;
  } catch (error) {
    $("sms-error").textContent = error.message;
    $("sms-error").hidden = false;
    return false;
  }
}

const grow = () => {
  const field = $("sms-text");
  field.style.height = "auto";
  field.style.height = Math.min(field.scrollHeight + 2, 120) + "px";
};

export function open(chosen) {
  person = chosen;
  texts = null;
  $("sms-text").value = kept.get(draft());
  $("sms-error").hidden = true;
  grow();
}

export function take(state) {
  const before = texts;
  texts = state.texts;
  if (before && texts.some((text) => !text.mine && !before.some((old) => old.sid === text.sid))) chime();
  render();
}

export function render() {
  const t = words();
  if (!person || !texts) return;
  const key = JSON.stringify(texts.map((text) => [text.sid, text.status, text.error])) + document.documentElement.lang;
  const thread = $("thread");
  if (show(thread, key, () => (texts.length ? texts.map(bubble) : h("p", { class: "empty" }, icon("message"), t.smsEmpty)))) toEnd(thread);
  thread.setAttribute("aria-label", t.messenger);
  $("sms-text").placeholder = t.smsWrite;
  dress($("sms-send"), "send", t.smsSend);
}

export function begin() {
  const field = $("sms-text");
  field.addEventListener("input", () => { kept.set(draft(), field.value); grow(); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("sms").requestSubmit(); }
  });
  $("sms").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    if (await send(field.value.trim())) { field.value = ""; kept.set(draft(), ""); grow(); }
  });
}

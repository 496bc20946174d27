// Who I am, which place is in front, and the one stream that feeds all places.

import { $, dress, h, icon, kept } from "./dom.js";
import { follow, get } from "./link.js";
import * as mailbox from "./mailbox.js";
import * as messenger from "./messenger.js";
import * as mischief from "./mischief.js";
import * as phone from "./phone.js";
import * as sets from "./sets.js";
import { plain, trace } from "./trace.js";
import { languages, words } from "./words.js";

const PEOPLE = [
  { name: "Lena Fischer", number: "+4930901820", email: "lena.fischer@example.org", flag: "DE" },
  { name: "张伟", number: "+8613800138000", email: "wei.zhang@example.cn", flag: "CN" },
  { name: "Amara Okafor", number: "+447700900123", email: "amara@example.com", flag: "GB" },
];
const PLACES = { phone: "phone", others: "headset", messenger: "message", mailbox: "mail", shop: "shop" };
const root = document.documentElement, hub = root.dataset.hub;

let people = [...PEOPLE], me = null, release = () => {}, state = null, linked = true, wasUp = null;

const own = () => JSON.parse(kept.get("own") || "null");

function be(person) {
  me = person;
  kept.set("me", person.email);
  state = null;
  dressShop();
  for (const place of [phone, messenger, mailbox]) place.open(person);
  release();
  release = follow(person, (fresh) => { state = fresh; taken(); }, (up) => { if (up !== linked) { linked = up; renderFrame(); } });
  render();
}

function taken() {
  phone.take(state);
  messenger.take(state);
  mailbox.take(state);
  sets.take(state);
  mischief.take(state);
  // A hub that has come back may serve the widget now.
  if (wasUp === false && state.hub.reachable) dressShop(true);
  if (state.hub.reachable !== null) wasUp = state.hub.reachable;
  renderFrame();
}

function renderPeople() {
  const t = words();
  const added = own();
  people = added ? [...PEOPLE, added] : [...PEOPLE];
  $("people").replaceChildren(
    ...people.map((person) => h("button", {
      type: "button", class: "person", role: "radio", "aria-checked": String(person.email === me?.email), onclick: () => be(person),
      tabindex: person.email === me?.email ? 0 : -1,
    }, h("span", { class: "face", "aria-hidden": "true" }, [...person.name][0]), h("span", {}, h("b", {}, person.name), h("small", {}, person.number)))),
    h("button", { type: "button", class: "person other", onclick: ask }, h("span", { class: "face", "aria-hidden": "true" }, icon("person")), h("b", {}, t.somebody)));
}

function ask() {
  const known = own() ?? { name: "", number: "", email: "" };
  $("own-name").value = known.name;
  $("own-number").value = known.number;
  $("own-email").value = known.email;
  $("somebody").showModal();
}

function renderFrame() {
  const t = words();
  const up = linked ? state?.hub.reachable ?? null : null;
  const line = $("hub-state");
  line.className = "hub-state " + (up === null ? "asking" : up ? "up" : "down");
  line.replaceChildren(h("i", { class: "dot" }), h("span", {}, up === null ? t.hubAsking : up ? t.hubUp : t.hubDown));
  const notice = $("notice"), text = !linked ? t.lost : up === false ? t.hubDownNotice(hub) : "";
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = !text;
  trace($("trace-phone"), state?.trace.voice ?? []);
  trace($("trace-sms"), state?.trace.sms ?? []);
  trace($("trace-mail"), state?.trace.mail ?? []);
  const waiting = sets.waiting();
  $("waiting").hidden = !waiting;
  $("waiting").textContent = waiting || "";
  $("mischief").classList.toggle("on", mischief.active());
  plain($("trace-shop"), up === false ? "bad" : up ? "ok" : "idle", up === false ? t.traceShopDown : t.traceShop);
}

function render() {
  const t = words();
  document.title = `${t.title} · Contact Center Hub`;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t[element.dataset.t];
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t[element.dataset.label]);
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = t[element.dataset.placeholder];
  $("language").textContent = t.otherLanguage;
  $("language").lang = root.lang === "en" ? "zh-CN" : "en";
  const dark = root.dataset.theme === "dark";
  dress($("theme"), dark ? "sun" : "moon", dark ? t.toLight : t.toDark);
  dress($("shop-reload"), "reload", t.reload);
  $("shop-frame").title = t.shop;
  for (const button of $("places").children) button.lastChild.textContent = t[button.dataset.to] ?? t.phonesShort;
  for (const digit of document.querySelectorAll("[data-digit]")) digit.setAttribute("aria-label", t.key(digit.dataset.digit));
  renderPeople();
  phone.render();
  messenger.render();
  mailbox.render();
  sets.render();
  renderFrame();
}

/** The customer's places, or all telephones side by side. */
function look(view) {
  document.body.dataset.view = view;
  kept.set("view", view);
  for (const button of $("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
}

function dressShop(again = false) {
  const query = new URLSearchParams({ lang: root.lang, theme: root.dataset.theme, as: me.email });
  const address = "/shop?" + query;
  if (again || $("shop-frame").getAttribute("src") !== address) $("shop-frame").src = address;
}

function go(place) {
  document.body.dataset.front = place;
  kept.set("place", place);
  for (const button of $("places").children) button.setAttribute("aria-current", String(button.dataset.to === place));
}

async function start() {
  const { numbers } = await get("/settings");
  $("console-link").href = hub;
  $("sms-number").textContent = numbers.sms;
  for (const element of document.querySelectorAll(".badge[data-icon]")) element.append(icon(element.dataset.icon));
  $("places").append(...Object.entries(PLACES).map(([place, name]) =>
    h("button", { type: "button", "data-to": place, onclick: () => go(place) }, icon(name), h("span", {}))));
  phone.begin(numbers);
  messenger.begin();
  mailbox.begin(numbers);
  sets.begin();
  mischief.begin();
  document.querySelector(".storm").append(icon("storm"));
  for (const button of $("views").children) button.addEventListener("click", () => look(button.dataset.view));
  look(kept.get("view") === "phones" ? "phones" : "places");
  $("language").addEventListener("click", () => {
    root.lang = root.lang === "en" ? "zh-CN" : "en";
    kept.set("language", root.lang);
    render();
    dressShop();
  });
  $("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    kept.set("theme", root.dataset.theme);
    render();
    dressShop();
  });
  $("shop-reload").addEventListener("click", () => dressShop(true));
  $("somebody-cancel").addEventListener("click", () => $("somebody").close());
  $("somebody-form").addEventListener("submit", () => {
    const person = { name: $("own-name").value.trim(), number: $("own-number").value.replace(/\s/g, ""), email: $("own-email").value.trim().toLowerCase() };
    kept.set("own", JSON.stringify(person));
    be(person);
  });
  $("people").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = people.findIndex((person) => person.email === me.email);
    be(people[(at + step + people.length) % people.length]);
    $("people").querySelector('[aria-checked="true"]').focus();
  });
  const added = own();
  go(PLACES[kept.get("place")] ? kept.get("place") : "phone");
  be([...PEOPLE, ...(added ? [added] : [])].find((person) => person.email === kept.get("me")) ?? PEOPLE[0]);
}

if (!languages[root.lang]) root.lang = "en";
start();

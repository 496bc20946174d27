// What goes wrong on purpose, chosen by hand.

import { $, h } from "./dom.js";
import { post } from "./link.js";
import { words } from "./words.js";

const PERCENT = ["duplicate_percent", "reorder_percent", "lose_percent", "delay_percent", "rest_percent"];
const NUMBERS = { delay_ms: 600000, rest_status: 599, rest_hangs: 1000, lose_completed: 1000, media_after_ms: 600000, orders_delay_ms: 600000, orders_status: 599, seed: 1e9 };
const CHOICES = { scope: ["all", "callbacks"], desk: ["answer", "ring", "busy", "no-answer"] };
const ALWAYS = new Set(["delay_ms", "rest_status", "seed", "scope", "rest_hang_ms"]);
let mischief = null;

/** Whether anything goes wrong now. */
export const active = () => mischief !== null
  && Object.entries(mischief).some(([name, value]) => !ALWAYS.has(name) && (typeof value === "number" ? value > 0 : name === "desk" && value !== "answer"));

export const take = (state) => { mischief = state.mischief; };

function fields() {
  const t = words().wrong;
  const row = (name, field) => h("label", { class: "wrong-row" }, h("span", {}, t[name]), field);
  const ranges = PERCENT.map((name) => {
    const shown = h("output", {}, `${mischief[name]} %`);
    const range = h("input", { type: "range", min: "0", max: "100", step: "5", name, value: String(mischief[name]) });
    range.addEventListener("input", () => { shown.textContent = `${range.value} %`; });
    return row(name, h("span", { class: "wrong-range" }, range, shown));
  });
  const numbers = Object.entries(NUMBERS).map(([name, max]) => row(name, h("input", { type: "number", min: "0", max: String(max), name, value: String(mischief[name]) })));
  const choices = Object.entries(CHOICES).map(([name, values]) => {
    const select = h("select", { name }, values.map((value) => h("option", { value }, t[`${name}_${value}`])));
    select.value = mischief[name];
    return row(name, select);
  });
  return [...ranges, ...choices, ...numbers];
}

async function send(wanted) {
  try {
    mischief = await post("/misbehave", wanted);
    $("wrong").close();
  } catch (error) {
    $("wrong-error").textContent = error.message;
    $("wrong-error").hidden = false;
  }
}

export function begin() {
  $("mischief").addEventListener("click", () => {
    if (!mischief) return;
    $("wrong-error").hidden = true;
    $("wrong-fields").replaceChildren(...fields());
    $("wrong").showModal();
  });
  $("wrong-cancel").addEventListener("click", () => $("wrong").close());
  $("wrong-reset").addEventListener("click", () => send({ reset: true }));
  $("wrong-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = {};
    for (const field of $("wrong-fields").querySelectorAll("[name]")) wanted[field.name] = field.name in CHOICES ? field.value : Number(field.value);
    send(wanted);
  });
}

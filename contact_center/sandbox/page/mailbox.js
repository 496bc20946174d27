// The customer's mailbox: a list, a letter, a letter being written.

import { $, h, icon, kept, show } from "./dom.js";
import { get, post } from "./link.js";
import { chime } from "./sound.js";
import { time, words } from "./words.js";

let person = null, hubAddress = "", letters = null, view = "list", reading = null, answering = null, sending = false;

const draft = () => `mail.${person.email}`;
const initials = (name) => [...(name || "?").trim()][0]?.toUpperCase() ?? "?";

function row(letter) {
  const t = words(), mine = letter.folder === "sent";
  const name = mine ? `${t.sentMail} → ${letter.to[0] ?? ""}` : letter.from_name || letter.from;
  return h("button", { type: "button", class: "letter" + (letter.seen ? "" : " unread"), onclick: () => read(letter.seq) },
    h("span", { class: "face" + (mine ? " mine" : ""), "aria-hidden": "true" }, initials(mine ? person.name : name)),
    h("span", { class: "letter-top" }, h("b", {}, name), h("time", {}, time(letter.at))),
    h("span", { class: "letter-subject" }, h("span", {}, letter.subject || t.noSubject), letter.attachments ? icon("clip") : ""),
    h("span", { class: "letter-preview" }, letter.preview));
}

async function read(seq) {
  try {
    reading = await get(`/mail/${seq}?to=${encodeURIComponent(person.email)}`);
  } catch { return; }
  view = "read";
  render();
  $("mail-read").querySelector("button")?.focus();
  if (!reading.seen && reading.folder === "inbox") post(`/mail/${seq}/seen?to=${encodeURIComponent(person.email)}`).catch(() => {});
}

/** HTML is shown in a frame that runs no script and fetches nothing, on top of being cleaned before. */
function body(letter) {
  const t = words();
  if (!letter.html) return h("pre", { class: "letter-text" }, letter.text);
  const frame = h("iframe", { class: "letter-html", sandbox: "allow-same-origin", title: t.bodyTitle });
  frame.srcdoc = `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"><style>body{font:14px/1.55 system-ui,sans-serif;margin:0;color:#171a21;background:#fff;padding:12px;overflow-wrap:anywhere}img{max-width:100%}blockquote{margin:0 0 0 4px;padding-left:12px;border-left:2px solid #cfd4de;color:#4a5160}</style>${letter.html}`;
  frame.addEventListener("load", () => {
    frame.style.height = Math.min((frame.contentDocument?.documentElement.scrollHeight ?? 240) + 2, 1200) + "px";
  });
  return frame;
}

function letterView(letter) {
  const t = words();
  return [
    h("div", { class: "letter-bar" },
      h("button", { type: "button", class: "button ghost", onclick: () => { view = "list"; render(); } }, icon("back"), t.back),
      letter.folder === "inbox" ? h("button", { type: "button", class: "button", onclick: () => write(letter) }, icon("reply"), t.reply) : ""),
    h("h3", {}, letter.subject || t.noSubject),
    h("p", { class: "letter-from" }, h("b", {}, letter.from_name || letter.from), " ", h("span", { class: "mono" }, letter.from), h("time", {}, time(letter.at))),
    letter.auto_submitted && letter.auto_submitted !== "no" ? h("p", { class: "pill" }, t.automatic) : "",
    body(letter),
    letter.attachments.length ? h("ul", { class: "files" }, letter.attachments.map((file) => h("li", {}, icon("clip"), file.name, h("span", {}, `${Math.ceil(file.size / 1024)} KB`)))) : "",
    h("details", { class: "source" }, h("summary", {}, t.source), h("pre", { tabindex: 0 }, letter.raw)),
  ].filter(Boolean);
}

function write(letter) {
  answering = letter ?? null;
  view = "write";
  const saved = JSON.parse(kept.get(draft()) || "{}");
  const subject = letter ? (/^(re|aw|回复)\s*[:：]/i.test(letter.subject) ? letter.subject : `Re: ${letter.subject}`) : "";
  const same = (saved.answers ?? "") === (letter?.message_id ?? "");
  $("mail-subject").value = same && saved.subject ? saved.subject : subject;
  $("mail-text").value = same ? saved.text ?? "" : "";
  render();
  (letter ? $("mail-text") : $("mail-subject")).focus();
}

const keep = () => kept.set(draft(), JSON.stringify({ answers: answering?.message_id ?? "", subject: $("mail-subject").value, text: $("mail-text").value }));

function quoted(letter) {
  return `\n\n${letter.date}, ${letter.from_name || letter.from}:\n` + letter.text.split("\n").map((line) => "> " + line).join("\n");
}

async function send() {
  const text = $("mail-text").value;
  if (!text.trim() || sending) { $("mail-text").focus(); return; }
  sending = true;
  $("mail-error").hidden = true;
  render();
  try {
    await post("/mail", {
      from: person.email, name: person.name, to: answering?.from || hubAddress, subject: $("mail-subject").value,
      text: answering ? text + quoted(answering) : text, in_reply_to: answering?.message_id ?? "",
    });
    kept.set(draft(), "");
    view = "list";
    answering = null;
  } catch (error) {
    $("mail-error").textContent = error.message;
    $("mail-error").hidden = false;
  }
  sending = false;
  render();
}

export function open(chosen) {
  person = chosen;
  letters = null;
  view = "list";
  reading = answering = null;
  $("mail-error").hidden = true;
}

export function take(state) {
  const before = letters;
  letters = state.letters;
  if (before && letters.some((letter) => letter.folder === "inbox" && !before.some((old) => old.seq === letter.seq))) chime();
  render();
}

export function render() {
  const t = words();
  if (!person) return;
  $("mail-owner").textContent = person.email;
  $("mail-to").textContent = answering?.from || hubAddress;
  $("mail-new").replaceChildren(icon("pencil"), t.newMail);
  $("mail-new").hidden = view === "write";
  $("mail-list").hidden = view !== "list";
  $("mail-read").hidden = view !== "read";
  $("mail-write").hidden = view !== "write";
  $("mail-text").placeholder = t.mailWrite;
  $("mail-send").textContent = sending ? t.sending : t.send;
  $("mail-send").disabled = sending;
  const key = JSON.stringify((letters ?? []).map((letter) => [letter.seq, letter.seen])) + document.documentElement.lang;
  show($("mail-list"), key, () => (letters?.length ? letters.map(row) : h("p", { class: "empty" }, icon("mail"), t.mailEmpty)));
  if (view === "read" && reading) show($("mail-read"), reading.seq + document.documentElement.lang, () => letterView(reading));
}

export function begin(numbers) {
  hubAddress = numbers.mail;
  $("mail-new").addEventListener("click", () => write(null));
  $("mail-cancel").addEventListener("click", () => { view = reading ? "read" : "list"; answering = null; render(); });
  $("mail-write").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  for (const field of ["mail-subject", "mail-text"]) $(field).addEventListener("input", keep);
  $("mail-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
  });
}

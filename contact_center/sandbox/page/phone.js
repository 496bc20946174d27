// The virtual handset: what the call is doing, what is heard on it, its keys and its voice.

import { $, dress, h, icon, kept, show, toEnd } from "./dom.js";
import { post } from "./link.js";
import { chime, dtmf, holdMusic, hush, ring, speak, tongue, turn } from "./sound.js";
import { length, time, words } from "./words.js";

const LETTERS = { 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ", 0: "+" };
const VOICES = { auto: null, "en-US": "English", "zh-CN": "中文", "de-DE": "Deutsch", "fr-FR": "Français", "es-ES": "Español" };
const SPOKEN = new Set(["say", "announce", "heard"]);
const LIVE = ["queued", "ringing", "in-progress"];

let person = null, call = null, heardUpTo = null, sounding = kept.get("sound") !== "off", failed = "", recogniser = null, voice = kept.get("voice") || "auto";

const live = () => call !== null && LIVE.includes(call.status);
const incoming = () => live() && call.direction !== "inbound" && call.status !== "in-progress";

async function tell(action, body) {
  failed = "";
  try {
    await post(action, body);
    return true;
  } catch (error) {
    failed = error.message;
    render();
    return false;
  }
}

export function press(key) {
  dtmf(key);
  flash(key);
  if (!live() || call.status !== "in-progress") return;
  hush();
  tell(`/calls/${call.sid}/digits`, { digits: key, wait_ms: 0 });
}

function flash(key) {
  const button = document.querySelector(`[data-digit="${CSS.escape(key)}"]`);
  button?.classList.add("pressed");
  setTimeout(() => button?.classList.remove("pressed"), 140);
}

async function say(text) {
  if (!text.trim()) return false;
  if (!live()) return false;
  hush();
  return tell(`/calls/${call.sid}/speech`, { text: text.trim(), wait_ms: 0 });
}

export function open(chosen) {
  person = chosen;
  call = null;
  heardUpTo = null;
  failed = "";
  hush();
}

export function take(state) {
  const before = call;
  call = state.call;
  const changed = !before || !call || before.sid !== call.sid;
  const lines = call?.lines ?? [];
  const last = lines.length ? lines[lines.length - 1].n : -1;
  // What was said before this page looked is read, not spoken again.
  if (heardUpTo === null || (changed && before === null && !live())) heardUpTo = last;
  else if (changed) heardUpTo = -1;
  for (const line of lines) {
    if (line.n > heardUpTo && SPOKEN.has(line.kind) && live()) speak(line.text, line.language || (/[\u3400-\u9fff]/.test(line.text) ? "zh-CN" : "en-US"));
  }
  heardUpTo = Math.max(heardUpTo, last);
  if (before && before.sid === call?.sid && LIVE.includes(before.status) && !live()) { hush(); chime(); }
  render();
}

function stateText() {
  const t = words();
  if (failed) return failed;
  if (!call) return t.idle;
  if (incoming()) return t.incoming;
  if (!live()) {
    if (call.answered_at) return t.ended(length((call.ended_at - call.answered_at) / 1000));
    return { busy: t.busy, failed: t.failed, "no-answer": t.noAnswer, canceled: t.canceled }[call.status] ?? t.ended("0:00");
  }
  if (call.status !== "in-progress") return call.where === "dialling" ? t.dialling : t.ringing;
  if (call.awaiting) {
    if (call.awaiting.digits && call.awaiting.speech) return t.listeningBoth;
    return call.awaiting.speech ? t.listeningWords : t.listeningKeys;
  }
  if (call.where === "conference" && call.hold) return t.onHold;
  if (call.where === "conference") return call.with.length ? t.conference : t.roomAlone;
  return t[call.where] ?? t.menu;
}

function caption(line) {
  const t = words();
  const at = time(line.at);
  switch (line.kind) {
    case "say": return h("div", { class: "said hub", lang: tongue(line.language || "en") }, h("small", {}, t.hubSays), line.text);
    case "announce": return h("div", { class: "said agent", lang: tongue(line.language || "en") }, h("small", {}, t.agentSays), line.text);
    case "heard": return h("div", { class: "said agent" }, h("small", {}, line.name || t.agentSays), line.text);
    case "beep": return h("div", { class: "did" }, t.beep);
    case "me": return h("div", { class: "said me" }, h("small", {}, t.youSaid), line.text);
    case "key": return h("div", { class: "did" }, t.keyPressed(line.text));
    case "note": return h("div", { class: "did" }, line.text === "not-in-service" ? t.notInService : line.text);
    case "music": return h("div", { class: "did music", title: at }, icon("note"), t.music);
    default: return h("div", { class: "did" }, line.text);
  }
}

/** The same thing again and again (music, the same hold prompt) is shown once. */
function captionsOf(lines) {
  const shown = [];
  for (const line of lines) {
    const twin = shown.slice(-2).some((before) => before.kind === line.kind && before.text === line.text && line.kind !== "me" && line.kind !== "key");
    if (twin) continue;
    const last = shown[shown.length - 1];
    if (line.kind === "key" && last?.kind === "key") shown[shown.length - 1] = { ...last, text: last.text + line.text };
    else shown.push(line);
  }
  return shown;
}

export function render() {
  const t = words();
  if (!person) return;
  const talking = live(), ringing = incoming();
  $("call-name").textContent = ringing ? t.callBack : t.callHub;
  const state = $("call-state");
  const clock = talking && call.answered_at ? length((Date.now() - call.answered_at) / 1000) : "";
  show(state, stateText() + clock + failed, () => [
    talking && call.hold_music ? icon("note") : "",
    h("span", {}, stateText()), clock ? h("b", {}, clock) : "",
  ].filter(Boolean));
  state.classList.toggle("bad", Boolean(failed));
  document.querySelector(".handset").classList.toggle("live", talking);
  document.querySelector(".handset").classList.toggle("speaking", Boolean(talking && call.speaking));

  const marks = talking ? [call.recorded && ["rec", t.recorded], call.hold && ["hold", t.onHold], call.muted && ["muted", t.muted]].filter(Boolean) : [];
  show($("call-badges"), JSON.stringify(marks), () => marks.map(([kind, text]) => h("li", { class: kind }, text)));
  show($("voice"), document.documentElement.lang, () => Object.entries(VOICES).map(([code, name]) => h("option", { value: code }, name ? `${code.slice(0, 2).toUpperCase()} ${name}` : t.voiceAuto)));
  $("voice").value = voice;

  const lines = captionsOf(call?.lines ?? []);
  const key = JSON.stringify(lines.map((line) => [line.n, line.text])) + document.documentElement.lang + (call?.sid ?? "");
  if (show($("captions"), key, () => (lines.length ? lines.map(caption) : h("p", { class: "empty" }, t.captionsEmpty)))) toEnd($("captions"));
  $("captions").setAttribute("aria-label", t.captions);

  dress($("sound"), sounding ? "sound" : "silent", sounding ? t.mute : t.unmute);
  $("sound").setAttribute("aria-pressed", String(!sounding));
  dress($("call"), talking && !ringing ? "down" : "phone", ringing ? t.answer : talking ? t.hangUp : t.call);
  $("call").classList.toggle("red", talking && !ringing);
  $("call").classList.toggle("green", !talking || ringing);
  $("decline").hidden = !ringing;
  dress($("decline"), "down", t.decline);
  const speaks = talking && call.status === "in-progress" && call.listening && (call.where === "conference" || call.awaiting === null || call.awaiting.speech);
  $("say-text").placeholder = talking ? t.say : t.sayIdle;
  $("say-text").setAttribute("aria-label", t.sayLabel);
  $("say").classList.toggle("invited", Boolean(speaks));
  dress($("say-send"), "send", t.saySend);
  $("say-send").disabled = !talking || call.status !== "in-progress";
  dress($("mic"), "mic", recogniser ? t.micOn : t.mic);
  $("mic").classList.toggle("on", Boolean(recogniser));

  ring(!sounding ? "" : ringing ? "bell" : talking && call.status !== "in-progress" ? "back" : "");
  const played = call?.lines.findLast((line) => line.kind === "music")?.text ?? "ours";
  holdMusic(sounding && talking && call.hold_music ? played : "");
}

function listen() {
  const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
  if (recogniser) { recogniser.stop(); return; }
  recogniser = new Recognition();
  recogniser.lang = voice !== "auto" ? voice : tongue(call?.awaiting?.language ?? (document.documentElement.lang === "zh-CN" ? "zh-CN" : "en-US"));
  recogniser.onresult = (event) => say(event.results[event.results.length - 1][0].transcript);
  recogniser.onend = () => { recogniser = null; render(); };
  recogniser.onerror = (event) => { failed = event.error; };
  recogniser.start();
  render();
}

export function begin(numbers) {
  $("keypad").append(...[..."123456789*0#"].map((digit) =>
    h("button", { type: "button", class: "key", "data-digit": digit, "data-letters": LETTERS[digit] ?? "", onclick: () => press(digit) },
      h("span", {}, digit))));
  $("call").addEventListener("click", async () => {
    if (incoming()) return tell(`/calls/${call.sid}/answer`);
    if (live()) return tell(`/calls/${call.sid}/hang_up`);
    heardUpTo = -1;
    return tell("/calls", { from: person.number, name: person.name, to: numbers.phone });
  });
  $("decline").addEventListener("click", () => tell(`/calls/${call.sid}/hang_up`));
  $("say").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = $("say-text");
    if (await say(field.value)) field.value = "";
  });
  $("sound").addEventListener("click", () => {
    sounding = !sounding;
    kept.set("sound", sounding ? "on" : "off");
    turn(sounding);
    render();
  });
  $("phone").addEventListener("keydown", (event) => {
    if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^[0-9*#]$/.test(event.key)) { press(event.key); event.preventDefault(); }
  });
  $("voice").addEventListener("change", () => { voice = $("voice").value; kept.set("voice", voice); });
  if (window.SpeechRecognition || window.webkitSpeechRecognition) {
    $("mic").hidden = false;
    $("mic").addEventListener("click", listen);
  }
  turn(sounding);
  setInterval(() => {
    $("clock").textContent = time(Date.now());
    if (live()) render();
  }, 1000);
  $("clock").textContent = time(Date.now());
}

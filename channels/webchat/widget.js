/*! Contact Center Hub: the chat on a stranger's page. GPL-3.0-or-later. */
/* One file, no dependencies, no build step (ES2020). docs/widget.md says how to install it and what goes over
   the socket. Four parts: what this page wants, what is kept, the link to the hub, what is seen. */
(() => {
  "use strict";
  if (window.ContactCenter) return;

  // --- what this page wants ---------------------------------------------------------------------------------

  const script = document.currentScript || document.querySelector('script[src*="/widget.js"]');
  if (!script) return;
  const wish = script.dataset;
  const base = new URL(".", script.src);
  const entry = wish.entry || "support";
  const STYLES = "/* widget.css */";

  const TEXTS = {
    en: {
      title: "Chat with us",
      greeting: "Hello! How can we help?",
      open: "Open chat",
      openUnread: "Open chat, {n} new",
      shut: "Close chat",
      log: "Conversation",
      connecting: "Connecting…",
      none: "We answer here",
      waiting: "Waiting for a colleague…",
      waitingLong: "Waiting for a colleague. You can keep writing.",
      attended: "{name} is here",
      attendedNameless: "A colleague is here",
      ended: "This conversation has ended",
      lost: "Reconnecting…",
      lostLong: "No connection. We keep trying, and keep what you wrote.",
      retryLink: "Try now",
      refused: "This chat is not available on this page.",
      replaced: "You have this chat open in other tabs.",
      useHere: "Use it here",
      write: "Write a message",
      send: "Send",
      sending: "Sending…",
      sent: "Sent",
      failed: "Not sent",
      retry: "Retry",
      end: "End chat",
      endAsk: "End this chat?",
      endYes: "End chat",
      endNo: "Keep chatting",
      again: "Start a new conversation",
      askName: "What may we call you? (optional)",
      soundOn: "Sound is on",
      soundOff: "Sound is off",
      you: "You",
      us: "Us",
      today: "Today",
      yesterday: "Yesterday",
      left: "{n} characters left",
    },
    zh: {
      title: "在线客服",
      greeting: "您好！请问有什么可以帮您？",
      open: "打开聊天",
      openUnread: "打开聊天，{n} 条新消息",
      shut: "关闭聊天",
      log: "对话",
      connecting: "正在连接…",
      none: "我们在此回复您",
      waiting: "正在等待客服…",
      waitingLong: "正在为您转接客服，您可以继续留言。",
      attended: "{name} 为您服务",
      attendedNameless: "客服正在为您服务",
      ended: "本次对话已结束",
      lost: "正在重新连接…",
      lostLong: "网络已断开。我们会继续重试，您写的内容不会丢失。",
      retryLink: "立即重试",
      refused: "此页面无法使用在线客服。",
      replaced: "您已在其他标签页中打开此聊天。",
      useHere: "在此使用",
      write: "输入消息",
      send: "发送",
      sending: "正在发送…",
      sent: "已发送",
      failed: "未发送",
      retry: "重试",
      end: "结束聊天",
      endAsk: "要结束本次聊天吗？",
      endYes: "结束聊天",
      endNo: "继续聊天",
      again: "开始新的对话",
      askName: "怎么称呼您？（选填）",
      soundOn: "提示音已开启",
      soundOff: "提示音已关闭",
      you: "您",
      us: "客服",
      today: "今天",
      yesterday: "昨天",
      left: "还可输入 {n} 字",
    },
  };

  const language = () => {
    const asked = (wish.language || "auto").toLowerCase();
    const all = asked === "auto" ? [document.documentElement.lang, ...(navigator.languages || [navigator.language])] : [asked];
    for (const tag of all) {
      const tongue = String(tag || "").toLowerCase().split("-")[0];
      // The page says the language, the browser which kind of it: how a time is written.
      const kind = (navigator.languages || []).find((l) => l.toLowerCase().startsWith(tongue));
      if (TEXTS[tongue]) return { tongue, tag: tongue === "zh" ? "zh-CN" : kind || tongue };
    }
    return { tongue: "en", tag: "en" };
  };
  const { tongue, tag } = language();
  const t = (key, values = {}) => TEXTS[tongue][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // --- what is kept: in the browser's own storage for this page's origin, no cookies --------------------------

  const KEY = `contact-center:${base.host}${base.pathname}`;
  const TOKEN = `${KEY}token`; // by itself: tabs write the rest at the same time, each over what it last read
  const UNSENT = `${KEY}${entry}:unsent`;
  const DRAFT = `${KEY}${entry}:draft`;
  const OPEN = `${KEY}open`;
  const memory = {};
  const box = (storage) => ({
    get(key) {
      try {
        return window[storage].getItem(key) || "";
      } catch {
        return memory[key] || "";
      }
    },
    set(key, value) {
      memory[key] = value; // where a browser forbids storage, the chat lives as long as the page
      try {
        if (value) window[storage].setItem(key, value);
        else window[storage].removeItem(key);
      } catch {
        /* kept in memory */
      }
    },
  });
  const kept = box("localStorage");
  const tab = box("sessionStorage");
  const parsed = (text, fallback) => {
    try {
      return JSON.parse(text) || fallback;
    } catch {
      return fallback;
    }
  };
  const profile = () => parsed(kept.get(KEY), {});
  const keep = (changes) => kept.set(KEY, JSON.stringify({ ...profile(), ...changes }));
  const here = () => (profile().entries || {})[entry] || {};
  const keepHere = (changes) => keep({ entries: { ...profile().entries, [entry]: { ...here(), ...changes } } });
  const unsentKept = () => parsed(kept.get(UNSENT), []).filter((m) => m && typeof m.id === "string");
  const keepUnsent = (change) => kept.set(UNSENT, JSON.stringify(change(unsentKept())).replace(/^\[\]$/, ""));

  // --- the conversation as this page knows it -------------------------------------------------------------------

  const chat = {
    token: "",
    newcomer: false, // a visitor since this page's last hello
    link: "idle", // idle | connecting | open | lost | refused | replaced
    state: "none", // none | waiting | attended | ended
    agent: "",
    conversation: 0,
    after: 0,
    lines: new Map(), // seq → line
    unsent: [], // {id, text, at, state: sending | sent | failed, event, tries}
    known: false, // everything up to now has come
    title: "",
    greeting: "",
    askName: false,
    longest: 4000,
    opened: false,
    leaving: "",
    asking: false, // whether to end
  };
  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
  const over = () => chat.state === "ended";
  const live = () => chat.state === "waiting" || chat.state === "attended";
  const dismissed = () => over() && here().dismissed === chat.conversation;
  const unread = () => {
    const { seen = [0, 0] } = here();
    const from = seen[0] === chat.conversation ? seen[1] : 0;
    return dismissed() ? 0 : [...chat.lines.values()].filter((l) => l.sender === "agent" && l.seq > from).length;
  };

  // --- the link to the hub ------------------------------------------------------------------------------------

  const HEARTBEAT = 25000;
  const ACK_WITHIN = 10000;
  const STUCK_AFTER = 12000;
  let socket = null;
  let failures = 0;
  let lostAt = 0;
  let inFlight = null;
  let heardAt = 0;
  let heartbeat = HEARTBEAT;
  const timers = {};
  const later = (name, ms, act) => {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(act, ms);
  };
  const say = (frame) => {
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  };

  function connect() {
    clearTimeout(timers.connect);
    if (socket || chat.link === "refused") return;
    const url = new URL("webhooks/webchat/socket", base);
    url.protocol = base.protocol === "http:" ? "ws:" : "wss:";
    const mine = new WebSocket(url);
    const token = kept.get(TOKEN);
    socket = mine;
    chat.link = lostAt ? "lost" : "connecting";
    chat.known = false;
    heardAt = Date.now();
    later("greeted", 15000, () => drop(mine));
    mine.onopen = () => {
      const frame = { type: "hello", entry, name: profile().name || "", language: tag, conversation: chat.conversation, after: chat.after };
      say(token ? { ...frame, token } : frame);
    };
    mine.onmessage = (event) => {
      if (socket !== mine) return;
      heardAt = Date.now();
      hear(JSON.parse(event.data));
      showSoon();
    };
    mine.onclose = (event) => {
      if (socket === mine) lose(event.code);
    };
    show();
  }

  function drop(mine) {
    if (socket !== mine) return;
    mine.onclose = null; // a dead connection may take minutes to say so
    mine.close();
    lose(1006);
  }

  function lose(code) {
    socket = null;
    for (const name of ["greeted", "beat", "ack", "next", "got"]) clearTimeout(timers[name]);
    if (inFlight) {
      const message = inFlight;
      inFlight = null;
      // A message that ends the connection every time must not keep the ones behind it.
      if (message.tries >= 5) giveUp(message);
    }
    if (code === 4403) chat.link = "refused";
    else if (code === 4409) chat.link = "replaced";
    else {
      chat.link = "lost";
      lostAt = lostAt || Date.now();
      const wait = Math.min(30000, 500 * 2 ** failures++) * (0.5 + Math.random() / 2);
      if (code !== "asleep") later("connect", code === 1013 ? wait + 4000 : wait, connect);
      later("strip", Math.max(0, lostAt + 3050 - Date.now()), show);
    }
    show();
  }

  function hurry() {
    failures = 0;
    if (chat.link === "replaced") chat.link = "lost";
    if (socket) return;
    connect();
  }

  function hear(frame) {
    switch (frame.type) {
      case "welcome":
        clearTimeout(timers.greeted);
        chat.token = frame.token;
        chat.newcomer = frame.fresh;
        kept.set(TOKEN, frame.token);
        if (!frame.resumed || frame.conversation !== chat.conversation) turnTo(frame.conversation);
        Object.assign(chat, { link: "open", greeting: frame.greeting, title: frame.title, askName: frame.ask_name, longest: frame.text_chars });
        heartbeat = frame.heartbeat_ms || HEARTBEAT;
        failures = lostAt = 0;
        if (chat.leaving) say({ type: "leave", id: chat.leaving });
        beat();
        sendNext();
        break;
      case "line":
        chat.after = frame.seq;
        chat.lines.set(frame.seq, { ...frame, key: `l${frame.seq}`, settled: frame.sender !== "customer" || !inFlight, fresh: chat.known });
        adopt(chat.unsent.find((m) => m.event && m.event === frame.event));
        later("got", 150, () => say({ type: "got", seq: chat.after }));
        if (chat.known && frame.sender === "agent") arrived(frame);
        break;
      case "ack":
        acknowledged(frame);
        break;
      case "state":
        chat.known = true;
        if (chat.state !== frame.state || chat.agent !== frame.agent) {
          chat.state = frame.state;
          chat.agent = frame.agent;
          if (chat.opened && frame.state !== "none") tell(presence().text);
        }
        if (!live()) chat.asking = false;
        keepHere({ active: live() });
        break;
      case "conversation":
        turnTo(frame.number);
        break;
      case "error":
        refused(frame);
        break;
    }
  }

  // Two tabs that opened at once became two visitors: before either has said anything, both become the one whose
  // handle comes first, whoever hears of the other first.
  function meet(other) {
    const [mine, theirs] = [chat.token, other].map((token) => token.split(".")[0]);
    if (!mine || !theirs || mine === theirs) return;
    if (!chat.newcomer || chat.state !== "none" || chat.unsent.some((m) => m.tries)) return;
    if (mine < theirs) return kept.set(TOKEN, chat.token);
    kept.set(TOKEN, other);
    drop(socket);
    hurry();
  }

  function turnTo(number) {
    chat.conversation = number;
    chat.after = 0;
    chat.lines.clear();
  }

  function beat() {
    later("beat", heartbeat, () => {
      if (Date.now() - heardAt > 2.5 * heartbeat) return drop(socket);
      say({ type: "ping" });
      beat();
    });
  }

  // Coming back to a page: is the link still what it was?
  function wakeUp() {
    if (chat.link === "idle") return;
    if (!socket) return hurry();
    const mine = socket;
    const at = Date.now();
    say({ type: "ping" });
    later("awake", 5000, () => {
      if (heardAt < at) {
        drop(mine);
        hurry();
      }
    });
  }

  // One message at a time, in the order in which they were written; the next one goes when the hub has this one.
  function sendNext() {
    if (chat.link !== "open" || inFlight) return;
    const next = chat.unsent.find((m) => m.state === "sending");
    if (!next) return;
    inFlight = next;
    next.tries += 1;
    say({ type: "message", id: next.id, text: next.text });
    const mine = socket;
    later("ack", ACK_WITHIN, () => drop(mine));
    later("stuck", STUCK_AFTER, show);
  }

  function acknowledged(frame) {
    if (frame.id === chat.leaving) chat.leaving = "";
    const message = chat.unsent.find((m) => m.id === frame.id);
    if (!message) return;
    message.state = "sent";
    message.event = frame.event;
    landed(message);
    adopt(message);
    sendNext();
  }

  function landed(message) {
    keepUnsent((all) => all.filter((m) => m.id !== message.id));
    if (inFlight !== message) return;
    clearTimeout(timers.ack);
    inFlight = null;
    settle();
  }

  // Never acknowledged: yet it arrived, if the hub shows us those words and nobody knows whose they are.
  function giveUp(message) {
    const echo = [...chat.lines.values()].find((line) => !line.settled && line.text.trim() === message.text);
    message.state = echo ? "sent" : "failed";
    if (echo) {
      message.event = echo.event;
      landed(message);
      adopt(message);
    }
    settle();
  }

  // The hub shows the message as a line: the bubble that is already there becomes that line.
  function adopt(message) {
    if (!message || !message.event) return;
    for (const line of chat.lines.values()) {
      if (line.sender === "customer" && line.event === message.event) {
        Object.assign(line, { key: message.id, settled: true, fresh: false });
        chat.unsent = chat.unsent.filter((m) => m !== message);
        return;
      }
    }
  }

  // While a message is under way, a customer's line may be its echo: it waits until we know.
  function settle() {
    for (const line of chat.lines.values()) line.settled = true;
  }

  function refused(frame) {
    if (!inFlight || frame.id !== inFlight.id) return;
    const message = inFlight;
    clearTimeout(timers.ack);
    inFlight = null;
    if (frame.retry_after_ms) {
      message.tries = 0;
      later("next", frame.retry_after_ms * (1 + Math.random() / 2), sendNext);
      return;
    }
    message.state = "failed";
    settle();
    sendNext();
  }

  function write(text) {
    const message = { id: newId(), text, at: Date.now(), state: "sending", event: "", tries: 0 };
    chat.unsent.push(message);
    keepUnsent((all) => [...all, { id: message.id, text, at: message.at }].slice(-50));
    later("stuck", STUCK_AFTER, show);
    if (chat.link === "open") sendNext();
    else hurry();
    show(true);
  }

  function retry(message) {
    Object.assign(message, { state: "sending", tries: 0, at: Date.now() });
    if (chat.link === "open") sendNext();
    else hurry();
    later("stuck", STUCK_AFTER, show);
    show();
  }

  function identify(name) {
    const text = String(name || "").trim().slice(0, 80);
    keep({ name: text });
    if (chat.link === "open") say({ type: "name", name: text });
  }

  // --- what is seen -------------------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  const ICONS = {
    talk: "M21 11.5a8.5 8.5 0 0 1-12.6 7.4L3 20.5l1.6-5.1A8.5 8.5 0 1 1 21 11.5Z",
    shut: "m6 9.5 6 6 6-6",
    send: "M12 19V5m-6.5 6.5L12 5l6.5 6.5",
    end: "M14 4h3.5A2.5 2.5 0 0 1 20 6.5v11a2.5 2.5 0 0 1-2.5 2.5H14M9.5 8 5.5 12l4 4M6 12h9",
    bell: "M6 9.500a6 6 0 1 1 12 0c0 5 2 6.5 2 6.500H4s2-1.5 2-6.500ZM10 19.500a2.2 2.2 0 0 0 4 0",
    mute: "M6 9.500a6 6 0 0 1 9.5-4.800M18 9.500c0 5 2 6.5 2 6.500H9M6.2 9.500C6 14.5 4 16 4 16h2M10 19.500a2.2 2.2 0 0 0 4 0M4 4l16 16",
  };
  const icon = (name, className = "") => {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", className);
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  };
  // Never HTML: an element, its properties, and children that are elements or plain text.
  const el = (name, properties = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in element) element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };

  const host = el("contact-center-chat");
  // What a page says of all its elements must not move this one. By CSSOM, which no style-src forbids.
  host.style.cssText = "all:initial!important;position:fixed!important;z-index:var(--cc-z,2147483000)!important";
  const shadow = host.attachShadow({ mode: "open" });
  const face = el("span", { className: "face", "aria-hidden": "true" });
  const title = el("h2", { id: "title" });
  const presenceText = el("span");
  const presenceLine = el("p", { className: "presence" }, presenceText);
  const soundButton = el("button", { type: "button", className: "tool", onclick: toggleSound });
  const endButton = el("button", { type: "button", className: "tool", title: t("end"), "aria-label": t("end"), onclick: () => ask(true) }, icon("end"));
  const shutButton = el("button", { type: "button", className: "tool", title: t("shut"), "aria-label": t("shut"), onclick: () => close() }, icon("shut"));
  const header = el("header", {}, face, el("div", { className: "who" }, title, presenceLine), el("div", { className: "tools" }, soundButton, endButton, shutButton));
  const list = el("ol");
  const nameInput = el("input", { type: "text", maxLength: 80, autocomplete: "name", onchange: () => identify(nameInput.value) });
  const askName = el("label", { className: "ask", hidden: true }, t("askName"), nameInput);
  // Its own live region below reads what is new; this one would read the whole history at every return.
  const log = el("div", { className: "log", tabIndex: 0, role: "log", "aria-live": "off", "aria-label": t("log") }, list, askName);
  const strip = el("div", { className: "strip", hidden: true });
  const textarea = el("textarea", { rows: 1, placeholder: t("write"), "aria-label": t("write"), enterKeyHint: "send", value: tab.get(DRAFT) });
  const sendButton = el("button", { type: "submit", className: "send", title: t("send"), "aria-label": t("send") }, icon("send"));
  const count = el("p", { className: "count", hidden: true });
  const composer = el("form", { onsubmit: submit }, el("div", { className: "field" }, textarea, sendButton), count);
  const panel = el("section", { className: "panel", role: "dialog", "aria-labelledby": "title", tabIndex: -1 }, header, log, strip, composer);
  const badge = el("span", { className: "badge", hidden: true, "aria-hidden": "true" });
  const launcher = el("button", { type: "button", className: "launcher", onclick: () => (chat.opened ? close() : open()) }, icon("talk", "talk"), icon("shut", "shut"), badge);
  const spoken = el("div", { className: "quiet", role: "status", "aria-live": "polite" });
  const root = el("div", { className: "root", lang: tag, dir: "ltr" }, panel, launcher, spoken);
  root.classList.toggle("left", wish.position === "left");
  root.classList.toggle("bare", wish.launcher === "none");
  launcher.hidden = wish.launcher === "none";
  shadow.append(root);

  function presence() {
    if (chat.link === "refused") return { text: t("refused"), look: "" };
    if (chat.link === "replaced") return { text: t("replaced"), look: "" };
    if (chat.link === "lost") return { text: t("lost"), look: "" };
    if (chat.link !== "open" || !chat.known) return { text: t("connecting"), look: "" };
    if (over()) return dismissed() ? { text: t("none"), look: "here" } : { text: t("ended"), look: "" };
    if (chat.state === "waiting") return { text: t("waiting"), look: "wait" };
    if (chat.state === "attended") return { text: chat.agent ? t("attended", { name: chat.agent }) : t("attendedNameless"), look: "here" };
    return { text: t("none"), look: "here" };
  }

  const clock = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
  const date = new Intl.DateTimeFormat(tag, { day: "numeric", month: "long", weekday: "short" });
  const dayOf = (at) => new Date(at).setHours(0, 0, 0, 0);
  function dayName(at) {
    const ago = Math.round((dayOf(Date.now()) - dayOf(at)) / 86400000);
    return ago === 0 ? t("today") : ago === 1 ? t("yesterday") : date.format(at);
  }

  // Everything in the log, top to bottom, as plain objects with a key; show() makes the page agree with it.
  function items() {
    const hidden = dismissed();
    const lines = hidden ? [] : [...chat.lines.values()].filter((l) => l.settled).slice(-1000);
    const said = [
      ...lines.map((l) => ({ key: l.key, side: l.sender === "agent" ? "them" : "me", name: l.name, text: l.text, at: l.at, fresh: l.fresh })),
      ...chat.unsent.map((m) => ({ key: m.id, side: "me", text: m.text, at: m.at, message: m, fresh: true })),
    ];
    const all = [{ key: `g${chat.greeting}`, side: "them", name: "", text: chat.greeting || t("greeting"), at: 0, fresh: false }];
    let before = all[0];
    said.forEach((item, i) => {
      const newDay = dayOf(item.at) !== (before.at ? dayOf(before.at) : dayOf(Date.now()));
      if (newDay) all.push({ key: `d${dayOf(item.at)}`, side: "aside", text: dayName(item.at) });
      const next = said[i + 1];
      item.next = !newDay && before.side === item.side && before.name === item.name && item.at - before.at < 300000 && before !== all[0];
      item.last = !next || next.side !== item.side || next.at - item.at >= 60000 || (next.message && next.message.state !== "sent");
      all.push(item);
      before = item;
    });
    const newest = said[said.length - 1];
    if (newest && newest.side === "me" && !newest.message) newest.sent = true;
    if (chat.link === "open" && chat.known && said.length) {
      if (over()) {
        if (!hidden) all.push({ key: "ended", side: "aside", text: t("ended") });
      } else if (chat.state === "waiting") all.push({ key: "waiting", side: "aside", text: t("waitingLong"), dots: true });
      else if (chat.state === "attended" && !said.some((s) => s.side === "them")) all.push({ key: "here", side: "aside", text: presence().text });
    }
    return all;
  }

  const LINK = /https?:\/\/[^\s<>"'`{}|\\^\u2e80-\u9fff\uff00-\uffef]+/gi;
  function linked(text) {
    const parts = [];
    let at = 0;
    for (const found of text.matchAll(LINK)) {
      let address = found[0].replace(/[.,;:!?…]+$/, "");
      if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
      let url;
      try {
        url = new URL(address);
      } catch {
        continue;
      }
      if (url.username || url.password) continue; // https://bank.example@evil.example is not what it seems
      parts.push(text.slice(at, found.index), el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, address));
      at = found.index + address.length;
    }
    return [...parts, text.slice(at)];
  }

  function meta(item) {
    if (!item.at) return null;
    const message = item.message;
    if (!message) return item.last ? el("p", { className: "meta" }, clock.format(item.at) + (item.sent ? ` · ${t("sent")}` : "")) : null;
    const stuck = message.state === "failed" || (message.state === "sending" && Date.now() - message.at > STUCK_AFTER - 500);
    if (stuck) return el("p", { className: "meta bad" }, `${t("failed")} · `, el("button", { type: "button", onclick: () => retry(message) }, t("retry")));
    if (message.state === "sent") return item.last ? el("p", { className: "meta" }, `${clock.format(item.at)} · ${t("sent")}`) : null;
    return item.last ? el("p", { className: "meta" }, t("sending")) : null;
  }

  function lookOf(item) {
    if (item.side === "aside") return "aside";
    const { message } = item;
    const waits = message && message.state !== "sent" ? (message.state === "failed" ? " failed" : " unsent") : "";
    return `${item.side}${item.next ? " next" : " first"}${waits}${item.fresh ? " arrived" : ""}`;
  }

  const drawn = new Map(); // key → {node, bubble, look}
  function draw(item) {
    let known = drawn.get(item.key);
    if (!known) {
      known = { node: el("li"), look: "" };
      if (item.side === "aside") {
        if (item.dots) known.node.append(el("span", { className: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")));
        known.node.append(el("span", {}, item.text));
      } else {
        known.bubble = el("div", { className: "bubble", dir: "auto" }, el("span", { className: "quiet" }, `${item.side === "me" ? t("you") : item.name || t("us")}: `), ...linked(item.text));
        known.node.append(known.bubble);
      }
      drawn.set(item.key, known);
    }
    const foot = item.side === "aside" ? null : meta(item);
    const label = item.side === "them" && item.name && !item.next ? item.name : "";
    const state = [lookOf(item).replace(" arrived", ""), foot && foot.textContent, label, item.side === "aside" && item.text].join("|");
    if (state !== known.look) {
      if (known.bubble) {
        const focused = known.node.contains(shadow.activeElement);
        known.node.replaceChildren(...(label ? [el("span", { className: "name" }, label)] : []), known.bubble, ...(foot ? [foot] : []));
        if (focused) log.focus();
      } else known.node.lastChild.textContent = item.text;
      known.node.className = known.look ? lookOf(item).replace(" arrived", "") : lookOf(item);
      known.look = state;
    }
    return known.node;
  }

  let shownStrip = "";
  function drawStrip() {
    const long = chat.link === "lost" && lostAt && Date.now() - lostAt > 3000;
    const wanted = chat.asking ? "ask" : chat.link === "replaced" ? "replaced" : long ? "lost" : chat.link === "open" && over() && !dismissed() ? "again" : "";
    composer.hidden = wanted === "again" || wanted === "replaced" || chat.link === "refused";
    if (wanted === shownStrip) return;
    shownStrip = wanted;
    const pill = (key, look, act) => el("button", { type: "button", className: `pill ${look}`, onclick: act }, t(key));
    const parts = {
      "": [],
      ask: [el("p", {}, t("endAsk")), pill("endYes", "end", leave), pill("endNo", "", () => ask(false))],
      replaced: [el("p", {}, t("replaced")), pill("useHere", "main", hurry)],
      lost: [el("p", {}, t("lostLong")), pill("retryLink", "", hurry)],
      again: [pill("again", "main wide", startAgain)],
    }[wanted];
    const focused = strip.contains(shadow.activeElement);
    strip.replaceChildren(...parts);
    strip.hidden = !wanted;
    if (wanted === "ask") parts[2].focus();
    else if (focused) (composer.hidden ? panel : textarea).focus();
  }

  function show(down) {
    const { text, look } = presence();
    title.textContent = chat.title || t("title");
    presenceText.textContent = text;
    presenceLine.className = `presence ${look}`;
    const initial = chat.state === "attended" && chat.agent ? [...chat.agent][0].toUpperCase() : "";
    if (face.dataset.shows !== initial || !face.firstChild) {
      face.dataset.shows = initial;
      face.replaceChildren(initial || icon("talk"));
    }
    endButton.hidden = !live() || chat.asking;
    askName.hidden = !chat.askName || !!profile().name || chat.lines.size > 0 || chat.unsent.length > 0;

    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    const wanted = items();
    wanted.forEach((item, i) => {
      const node = draw(item);
      if (list.children[i] !== node) list.insertBefore(node, list.children[i] || null);
    });
    while (list.children.length > wanted.length) list.lastChild.remove();
    for (const key of drawn.keys()) if (!wanted.some((item) => item.key === key)) drawn.delete(key);
    drawStrip();
    if (down === true || atEnd) log.scrollTop = log.scrollHeight;

    if (chat.opened && !document.hidden && chat.known) {
      const { seen = [0, 0] } = here();
      if (seen[0] !== chat.conversation || seen[1] < chat.after) keepHere({ seen: [chat.conversation, chat.after] });
    }
    const n = chat.known ? unread() : 0;
    badge.hidden = !n || chat.opened;
    badge.textContent = n > 9 ? "9+" : n;
    launcher.setAttribute("aria-label", chat.opened ? t("shut") : n ? t("openUnread", { n }) : t("open"));
    launcher.setAttribute("aria-expanded", chat.opened);
    sizeUp();
  }

  // A long conversation that comes back is drawn a few times, not once a line.
  function showSoon() {
    if (timers.show) return;
    timers.show = setTimeout(
      () => {
        timers.show = 0;
        show();
      },
      chat.known ? 0 : 40,
    );
  }

  function sizeUp() {
    const empty = !textarea.value.trim();
    sendButton.setAttribute("aria-disabled", empty);
    textarea.maxLength = chat.longest;
    const left = chat.longest - textarea.value.length;
    count.hidden = left > 300;
    count.textContent = t("left", { n: left });
  }

  function grow() {
    textarea.style.height = "auto";
    textarea.style.height = `${Math.max(34, Math.min(132, textarea.scrollHeight))}px`;
  }

  function tell(text) {
    const note = el("p", {}, text);
    spoken.append(note);
    setTimeout(() => note.remove(), 10000);
  }

  function arrived(line) {
    if (chat.opened) tell(`${line.name || t("us")}: ${line.text}`);
    else tell(t("openUnread", { n: unread() }));
    if (profile().sound) chime();
  }

  function chime() {
    try {
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = 660;
      volume.gain.setValueAtTime(0.06, audio.currentTime);
      volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.35);
      tone.connect(volume).connect(audio.destination);
      tone.onended = () => audio.close();
      tone.start();
      tone.stop(audio.currentTime + 0.4);
    } catch {
      /* a browser without sound */
    }
  }

  function showSound() {
    const on = !!profile().sound;
    soundButton.replaceChildren(icon(on ? "bell" : "mute"));
    soundButton.title = t(on ? "soundOn" : "soundOff");
    soundButton.setAttribute("aria-label", soundButton.title);
    soundButton.setAttribute("aria-pressed", on);
  }
  function toggleSound() {
    keep({ sound: !profile().sound });
    showSound();
    if (profile().sound) chime();
  }

  // --- what the customer does ---------------------------------------------------------------------------------

  function submit(event) {
    event.preventDefault();
    const text = textarea.value.trim();
    if (!text) return;
    if (nameInput.value.trim() && !profile().name) identify(nameInput.value);
    textarea.value = "";
    tab.set(DRAFT, "");
    grow();
    write(text);
  }

  textarea.addEventListener("input", () => {
    tab.set(DRAFT, textarea.value);
    grow();
    sizeUp();
    if (!live() || timers.typing) return;
    say({ type: "typing" });
    timers.typing = setTimeout(() => (timers.typing = 0), 3000);
  });
  textarea.addEventListener("keydown", (event) => {
    // Enter also picks a word of an input method, as in Chinese: that is no message yet (229: Safari).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    composer.requestSubmit();
  });

  function ask(asking) {
    chat.asking = asking;
    show();
    if (!asking) textarea.focus();
  }
  function leave() {
    chat.leaving = newId();
    chat.asking = false;
    say({ type: "leave", id: chat.leaving });
    show();
  }
  function startAgain() {
    keepHere({ dismissed: chat.conversation });
    show(true);
    textarea.focus();
  }

  const full = window.matchMedia("(max-width: 480px), (max-height: 480px)");
  const touch = window.matchMedia("(pointer: coarse)");
  let cameFrom = null;

  function open() {
    if (!host.isConnected) return mount(open);
    if (chat.opened) return;
    cameFrom = document.activeElement;
    reveal(true);
    // On a phone the keyboard would cover the greeting.
    (touch.matches || composer.hidden ? panel : textarea).focus({ preventScroll: true });
  }
  function close() {
    if (!chat.opened) return;
    const inside = host.matches(":focus-within");
    reveal(false);
    if (!inside) return;
    const back = cameFrom && cameFrom !== document.body && cameFrom !== host && cameFrom.isConnected ? cameFrom : launcher;
    back.focus({ preventScroll: true });
  }
  function reveal(opened) {
    chat.opened = opened;
    tab.set(OPEN, opened ? "1" : "");
    root.classList.toggle("open", opened);
    fit();
    if (opened && chat.link !== "refused") hurry();
    grow();
    show(opened);
  }

  // Full-screen on phones, above the keyboard; a modal dialog only there, where it covers the page.
  function fit() {
    root.classList.toggle("full", full.matches);
    if (full.matches && chat.opened) panel.setAttribute("aria-modal", "true");
    else panel.removeAttribute("aria-modal");
    const seen = window.visualViewport;
    const covered = full.matches && chat.opened && seen && seen.scale === 1;
    panel.style.height = covered ? `${seen.height}px` : "";
    panel.style.top = covered ? `${seen.offsetTop}px` : "";
  }

  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own shortcuts are not meant by what is typed here
    if (event.key === "Escape" && chat.opened && !event.isComposing) {
      if (chat.asking) return ask(false);
      return close();
    }
    if (event.key !== "Tab" || !panel.hasAttribute("aria-modal")) return;
    const stops = [...panel.querySelectorAll("button, textarea, input, a, [tabindex='0']")].filter((e) => e.getClientRects().length);
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const at = shadow.activeElement;
    if (event.shiftKey ? at === first || at === panel : at === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  });
  for (const name of ["keyup", "keypress"]) root.addEventListener(name, (event) => event.stopPropagation());

  // --- colours --------------------------------------------------------------------------------------------------

  const LIGHT = [255, 255, 255];
  const NIGHT = [22, 26, 33];
  function rgbOf(colour) {
    const brush = document.createElement("canvas").getContext("2d");
    if (!brush) return [51, 85, 209];
    brush.fillStyle = "#3355d1";
    brush.fillStyle = colour; // an unknown word leaves it as it was
    const hex = /^#(..)(..)(..)$/.exec(brush.fillStyle);
    return hex ? hex.slice(1).map((h) => parseInt(h, 16)) : [51, 85, 209];
  }
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const mix = (a, b, part) => a.map((c, i) => Math.round(c + (b[i] - c) * part));
  const css = (rgb) => `rgb(${rgb.join(" ")})`;
  // WCAG 2.2 AA whatever colour the site owner has: text on it, and it as text on our surfaces.
  function readable(rgb, on, towards) {
    let part = 0;
    while (part < 1 && contrast(mix(rgb, towards, part), on) < 4.6) part += 0.05;
    return mix(rgb, towards, part);
  }
  function paint() {
    const accent = rgbOf(wish.accent || "#3355d1");
    const onAccent = [LIGHT, [23, 26, 33], [0, 0, 0]].find((ink) => contrast(accent, ink) >= 4.5);
    const soft = { light: mix(accent, LIGHT, 0.9), dark: mix(accent, NIGHT, 0.8) };
    host.style.setProperty("--accent", css(accent));
    host.style.setProperty("--on-accent", css(onAccent));
    host.style.setProperty("--accent-soft-light", css(soft.light));
    host.style.setProperty("--accent-soft-dark", css(soft.dark));
    host.style.setProperty("--accent-ink-light", css(readable(accent, soft.light, [0, 0, 0])));
    host.style.setProperty("--accent-ink-dark", css(readable(accent, soft.dark, LIGHT)));
  }
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  function tint() {
    const asked = wish.theme === "dark" || wish.theme === "light" ? wish.theme : night.matches ? "dark" : "light";
    host.setAttribute("data-theme", asked);
  }

  // --- beginning --------------------------------------------------------------------------------------------------

  function mount(then) {
    if (!document.body) return document.addEventListener("DOMContentLoaded", () => mount(then), { once: true });
    if (!host.isConnected) document.body.append(host);
    if (typeof then === "function") then();
  }

  function dress() {
    // Made by script, so that a page's Content-Security-Policy needs no style-src for us.
    if ("adoptedStyleSheets" in shadow && "replaceSync" in CSSStyleSheet.prototype) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
      shadow.adoptedStyleSheets = [sheet];
    } else shadow.append(el("style", {}, STYLES));
  }

  dress();
  paint();
  tint();
  showSound();
  chat.unsent = unsentKept().map((m) => ({ id: m.id, text: String(m.text), at: m.at || Date.now(), state: "sending", event: "", tries: 0 }));
  mount(() => {
    if (tab.get(OPEN)) reveal(true);
    // A page that nobody chats on costs the hub this file and nothing else.
    else if (here().active || chat.unsent.length) connect();
    show();
  });

  night.addEventListener("change", tint);
  full.addEventListener("change", fit);
  if (window.visualViewport) for (const name of ["resize", "scroll"]) window.visualViewport.addEventListener(name, fit);
  window.addEventListener("online", () => chat.link !== "idle" && hurry());
  window.addEventListener("pageshow", (event) => event.persisted && wakeUp());
  window.addEventListener("pagehide", () => {
    // An open socket keeps a page out of the browser's back-forward cache.
    if (!socket) return;
    const mine = socket;
    mine.onclose = null;
    mine.close();
    lose("asleep");
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    wakeUp();
    show();
  });
  window.addEventListener("storage", (event) => {
    if (event.key === TOKEN && event.newValue && socket) meet(event.newValue);
    if (event.key === KEY) showSound();
    // A conversation began in another tab: be there too.
    if (event.key === KEY && chat.link === "idle" && here().active) connect();
    else if (event.key === KEY) show();
  });

  window.ContactCenter = Object.freeze({ open, close, identify });
  window.dispatchEvent(new CustomEvent("contact-center-ready"));
})();

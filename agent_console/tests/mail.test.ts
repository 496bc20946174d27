import { createPinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { createSSRApp } from "vue";
import { createI18n } from "vue-i18n";
import { renderToString } from "vue/server-renderer";
import MailMessage from "@/conversation/MailMessage.vue";
import { retold, sayInvitation } from "@/conversation/invitations";
import { answersElsewhere, automaticWord, doubtWord, fileAt, fileKind, othersOf, plainName, remember, wants } from "@/conversation/mail";
import en from "@/i18n/en";
import zh from "@/i18n/zh";

describe("an invitation", () => {
  const said = "Invitation: Tea, 2026-11-25 14:00–15:30 Asia/Shanghai, weekly, Room 2, organiser Mei";
  const tea = { said, what: "request", title: "Tea", day: "2026-11-25", hour: "14:00", until_hour: "15:30", zone: "Asia/Shanghai", repeats: "weekly", place: "Room 2", organiser: "Mei" };
  const say = (locale: string) => {
    const { t } = createI18n({ legacy: false, locale, messages: { en, zh } as never }).global as unknown as { t: (key: string, values: Record<string, string | number>) => string };
    return (key: string, values?: Record<string, string | number>): string => t(key, values ?? {});
  };

  it("is said in the reader's language, and the words under it as they were written", () => {
    expect(retold(`${said}\n\nDo come`, [tea], say("zh"))).toBe("会议邀请：Tea，2026-11-25 14:00 至 15:30 Asia/Shanghai，每周，Room 2，组织者 Mei\n\nDo come");
    expect(retold(`${said}\n\nDo come`, [tea], say("en"))).toBe("Invitation: Tea, 2026-11-25 14:00 – 15:30 Asia/Shanghai, weekly, Room 2, organiser Mei\n\nDo come");
    expect(retold("Do come", [tea], say("zh"))).toBe("Do come");
    expect(retold("Do come", undefined, say("zh"))).toBe("Do come");
  });

  it("says how long it lasts, and which day it ends before", () => {
    expect(sayInvitation({ what: "event", day: "2026-11-25", hour: "06:00", lasts: "1d 2h" }, say("zh"))).toBe("日程：（无标题），2026-11-25 06:00（1 天 2 小时）");
    expect(sayInvitation({ what: "cancel", title: "Trip", day: "2026-12-24", before: "2026-12-26" }, say("en"))).toBe("Cancelled: Trip, 2026-12-24 – before 2026-12-26");
    expect(sayInvitation({ what: "declined", title: "Tea" }, say("zh"))).toBe("已拒绝：Tea");
  });

  it.each(Object.keys(en.invitation.what))("that is %s has a word in each language", (what) => {
    expect((zh.invitation.what as Record<string, string>)[what]).toBeTruthy();
  });
});

describe("a letter", () => {
  it.each([
    ["Auto-Submitted: auto-replied", "reply"], ["X-Autoreply", "reply"], ["bounce", "bounce"], ["report", "bounce"], ["read receipt", "receipt"],
    ["List-Unsubscribe", "list"], ["Precedence: bulk", "list"], ["Precedence: auto_reply", "reply"], ["from noreply", "machine"],
    ["Auto-Submitted: auto-generated", "machine"], ["empty Return-Path", "machine"], ["loop: from our own address", "loop"], ["{{constructor}}", "other"],
  ])("that is automatic by %s is said to be so in words", (reason, word) => {
    expect(automaticWord(reason)).toBe(word);
    expect((en.mail.automatic as Record<string, string>)[word]).toBeTruthy();
  });

  it.each([
    ["DMARC: fail", "dmarc"], ["Neither DMARC, DKIM nor SPF vouches for the sender's address.", "nobody"],
    ["The mail server mx said nothing about the sender.", "silent"], ["replies to case 7 from another address", "stranger"], ["Two senders.", "other"],
  ])("that is doubted because of %s is doubted in words", (reason, word) => {
    expect(doubtWord(reason)).toBe(word);
    expect((en.mail.doubt as Record<string, string>)[word]).toBeTruthy();
  });

  it("says so when its answers would go somewhere else", () => {
    const sender = "lena@shop.example";
    expect(answersElsewhere({ sender, reply_to: "evil@other.example" })).toBe("evil@other.example");
    expect(answersElsewhere({ sender, reply_to: "evil@notshop.example" })).toBe("evil@notshop.example");
    expect(answersElsewhere({ sender, reply_to: "team@SHOP.example" })).toBe("");
    expect(answersElsewhere({ sender, reply_to: "team@mail.shop.example" })).toBe("");
    expect(answersElsewhere({ sender })).toBe("");
  });

  it.each([["en", en], ["zh", zh]] as const)("says in %s that it is not the first with its Message-ID, of one that came in alone", async (locale, messages) => {
    const shown = (kind: string, same_id: boolean): Promise<string> => {
      const event = { id: "e", kind, at: 0, medium: "email", actor: { name: "Lena" }, attachments: [], body: { text: "Hello", sender: "lena@shop.example", same_id } };
      const app = createSSRApp(MailMessage, { line: { kind: "customer", at: 0, event }, customer: "Lena" });
      return renderToString(app.use(createPinia()).use(createI18n({ legacy: false, locale, messages: { [locale]: messages } })));
    };
    expect(await shown("message.received", true)).toContain(messages.mail.sameId);
    expect(await shown("message.received", false)).not.toContain(messages.mail.sameId);
    expect(await shown("message.sent", true)).not.toContain(messages.mail.sameId);
  });

  it("names everybody who has it once", () => {
    expect(othersOf({ to: ["a@x.example", "b@x.example"], cc: ["b@x.example"], bcc: ["c@x.example"] })).toEqual(["a@x.example", "b@x.example", "c@x.example"]);
  });
});

describe("a file", () => {
  it.each([
    ["photo.JPG", "application/octet-stream", "image"], ["x", "image/png", "image"], ["x.svg", "image/svg+xml", "text"], ["plan.pdf", "", "pdf"],
    ["a.html", "text/html; charset=utf-8", "text"], ["a.exe", "application/x-msdownload", "other"], ["a.pdf.exe", "", "other"], ["", "", "other"],
  ])("%s (%s) is looked at as %s", (name, media_type, kind) => expect(fileKind({ name, media_type })).toBe(kind));

  it("cannot turn its name around, nor its address", () => {
    expect(plainName("invoice\u202egpj.exe\u200b\n")).toBe("invoicegpj.exe");
    expect(fileAt("a/../b", "../c")).toBe("/api/v1/events/a%2F..%2Fb/attachments/..%2Fc");
  });
});

describe("what an agent wants of a sender", () => {
  beforeEach(() => {
    const kept = new Map<string, string>();
    Object.defineProperty(globalThis, "localStorage", {
      configurable: true,
      value: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) },
    });
  });

  it("is remembered for that agent and that sender, and can be taken back", () => {
    remember("mei", "images", "a@x.example", true);
    expect(wants("mei", "images", "a@x.example")).toBe(true);
    for (const [agent, wish, sender] of [["jonas", "images", "a@x.example"], ["mei", "formatted", "a@x.example"], ["mei", "images", "b@x.example"], ["mei", "images", ""]] as const) {
      expect(wants(agent, wish, sender)).toBe(false);
    }
    remember("mei", "images", "a@x.example", false);
    expect(wants("mei", "images", "a@x.example")).toBe(false);
  });

  it("is forgotten one by one, and survives whatever stands in the store", () => {
    for (let n = 0; n < 301; n += 1) remember("mei", "images", `${n}@x.example`, true);
    expect([wants("mei", "images", "0@x.example"), wants("mei", "images", "300@x.example")]).toEqual([false, true]);
    localStorage.setItem("cch.mail.images.mei", "{nonsense");
    expect(wants("mei", "images", "300@x.example")).toBe(false);
  });
});

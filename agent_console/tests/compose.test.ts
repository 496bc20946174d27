import { describe, expect, it } from "vitest";
import type { Composing } from "@/api/mail";
import { asHtml, BLANK, cameBack, historyOf, opened, pictured, pictures, told, withParts, written, type Letter } from "@/conversation/letter";
import { isAddress, joined, likelyMeant, plain, torn } from "@/features/compose/addresses";
import { doubts, hindrance, mentionsAttachment } from "@/features/compose/checks";
import { choices, possible } from "@/features/compose/later";
import { linkTo, misleads } from "@/features/compose/links";
import { reasonCode } from "@/features/undelivered/reasons";

const DIGEST = "a".repeat(64);
const letter = (more: Partial<Letter> = {}): Letter => ({ ...BLANK, to: ["lena@example.de"], subject: "Re: Kaputt", text: "Hello", html: "<p>Hello</p>", ...more });
const begins: Composing = {
  to: ["lena@example.de"], cc: [], subject: "Re: Kaputt", quoted_html: '<div class="quoted"><p>On Monday, Lena wrote:</p><blockquote>Bitte</blockquote></div>',
  quoted_text: "On Monday, Lena wrote:\n> Bitte", attachments: [], signature_html: "<p>Mei · Demo</p>", signature_text: "Mei · Demo", undo_seconds: 10, warnings: [],
};

describe("what the hub is told of a letter", () => {
  it("is the words, then the signature, then what was written before", () => {
    const { html } = told(letter(), begins) as { html: string };
    expect([html.indexOf("Hello"), html.indexOf("Mei"), html.indexOf("Bitte")].every((at, n, all) => at >= 0 && at > (all[n - 1] ?? -1))).toBe(true);
  });
  it("leaves out signature and history where the agent did", () => {
    expect(told(letter({ signed: false, quotes: false }), begins)["html"]).toBe("<p>Hello</p>");
  });
  it("quotes once: what was opened stands in the words already", () => {
    const { html } = told(letter({ html: `<p>Hello</p>${begins.quoted_html}` }), begins) as { html: string };
    expect(html.match(/Bitte/g)).toHaveLength(1);
    const plainly = told(letter({ html: "", text: `Hello\n\n${begins.quoted_text}` }), begins) as { text: string };
    expect(plainly.text.match(/Bitte/g)).toHaveLength(1);
  });
  it("is plain text alone where it was written so", () => {
    expect(told(letter({ html: "" }), begins)).toMatchObject({ text: "Hello\n\n-- \nMei · Demo\n\nOn Monday, Lena wrote:\n> Bitte" });
    expect(told(letter({ html: "" }), begins)).not.toHaveProperty("html");
  });
  it("names pictures among the words as parts, each file once", () => {
    const html = `<p>See <img src="blob:x" alt="naht.png" data-digest="${DIGEST}"></p>`;
    const args = told(letter({ html, signed: false, quotes: false, attachments: [{ digest: "b".repeat(64), name: "a.pdf", media_type: "", size: 1 }] }), null);
    expect(args["html"]).toBe(`<p>See <img src="cid:${DIGEST}" alt="naht.png"></p>`);
    expect(args["attachments"]).toEqual([{ digest: "b".repeat(64), name: "a.pdf" }, { digest: DIGEST, name: "naht.png" }]);
  });
  it("says when to send only where that is later", () => {
    expect(told(letter(), null)).not.toHaveProperty("send_at");
    expect(told(letter(), null, 99)["send_at"]).toBe(99);
  });
});

describe("a letter that came back", () => {
  it("has its signature and history among its words, and its pictures not among its files", () => {
    const back = cameBack({ html: `<p><img src="cid:${DIGEST}"></p>`, attachments: [{ digest: DIGEST, name: "naht.png", media_type: "image/png", size: 1 }] });
    expect(back).toMatchObject({ signed: false, quotes: false, attachments: [] });
    expect(pictures(pictured(back.html))).toEqual([{ digest: DIGEST, name: "image" }]);
  });
  it("shows pictures where they are to be had, and sends them as it got them", () => {
    const shown = pictured(`<img src="cid:${DIGEST}" alt="x">`, (digest) => `/from/${digest}`);
    expect(shown).toContain(`src="/from/${DIGEST}"`);
    expect(withParts(shown)).toBe(`<img src="cid:${DIGEST}" alt="x">`);
  });
});

describe("words of a letter", () => {
  it("become HTML that nothing in them can break out of", () => expect(asHtml('a <b>\n"c"\n\nd & e')).toBe('<p>a &lt;b&gt;<br>"c"</p><p>d &amp; e</p>'));
  it("count as written where there is a file or a picture", () => {
    expect([letter({ text: " ", html: "" }), letter({ text: "", html: '<img data-digest="a">' })].map(written)).toEqual([false, true]);
  });
  it("know an opened history, whose way it is", () => {
    expect(opened(letter({ html: historyOf({ ...begins, quoted_html: "<p>x</p>" }, "forward") }))).toBe(true);
    expect(historyOf(begins, "reply")).toBe(begins.quoted_html);
    expect(opened(letter())).toBe(false);
  });
});

describe("addresses", () => {
  it.each([
    ["a@b.co", true], ["ä@exämple.de", true], ["客服@例子.公司", true], ["first.last+tag@sub.example.org", true],
    ["", false], ["a@b", false], ["a b@c.de", false], ["a@b..de", false], ["a@@b.de", false], ["<a@b.de>", false], ["a,b@c.de", false], [`${"a".repeat(65)}@b.de`, false], [`a@${"b".repeat(260)}.de`, false],
  ])("%s is one: %s", (address, so) => expect(isAddress(address)).toBe(so));
  it.each([["Lena Fischer <lena@example.de>", "lena@example.de"], ["mailto:a@b.de", "a@b.de"], [" a@b.de; ", "a@b.de"], ["Lena", "Lena"]])(
    "%s is plainly %s", (typed, address) => expect(plain(typed)).toBe(address),
  );
  it("are torn apart where they are listed, but not inside names", () => {
    expect(torn('"Fischer, Lena" <lena@a.de>, b@c.de；d@e.fr\nkaputt')).toEqual(["lena@a.de", "b@c.de", "d@e.fr", "kaputt"]);
  });
  it("stand in a list once", () => expect(joined(["A@b.de"], ["a@B.de", "c@d.de", "c@d.de"])).toEqual(["A@b.de", "c@d.de"]));
  it("that were mistyped are guessed", () => expect([likelyMeant("x@gmial.com"), likelyMeant("x@qq.con"), likelyMeant("x@gmail.com")]).toEqual(["x@gmail.com", "x@qq.com", ""]));
});

describe("before it leaves", () => {
  it.each([
    "I attach the invoice.", "See the attached file", "Please find enclosed", "请见附件", "发票附上", "随信附上合同",
  ])("%s speaks of an attachment", (text) => expect(mentionsAttachment(text)).toBe(true));
  it.each(["No attachment arrived.", "I am attached to this city.", "没有收到附件", "Hello"])("%s does not", (text) => {
    expect(mentionsAttachment(text)).toBe(false);
  });
  it("is asked of an attachment that is not there, and not of one that is", () => {
    const codes = (more: Partial<Letter>) => doubts(letter(more), []).map((d) => d.code);
    expect(codes({ text: "See attached." })).toEqual(["attachment"]);
    expect(codes({ text: "See attached.", attachments: [{ digest: DIGEST, name: "a", media_type: "", size: 1 }] })).toEqual([]);
    expect(codes({ text: "", subject: "" })).toEqual(["subject", "words"]);
  });
  it("is asked where nobody knows yet what goes along", () => {
    const codes = (more: Partial<Letter>) => doubts(letter(more), [], false).map((d) => d.code);
    expect(codes({})).toEqual(["bare"]);
    expect(codes({ signed: false })).toEqual(["bare"]);
    expect(codes({ signed: false, quotes: false })).toEqual([]);
  });
  it("is asked of people whom nothing reaches, whoever they are", () => {
    const found = doubts(letter({ cc: ["GONE@example.de", "x@gmial.com"] }), [{ code: "undeliverable", address: "gone@example.de", detail: "No such user" }]);
    expect(found.map((d) => [d.code, d.address])).toEqual([["undeliverable", "GONE@example.de"], ["typo", "x@gmial.com"]]);
  });
  it("is hindered by nobody, nonsense, too many and too much", () => {
    const many = Array.from({ length: 21 }, (_, n) => `a${n}@b.de`);
    expect([letter({ to: [], cc: ["a@b.de"] }), letter({ cc: ["x"] }), letter({ bcc: many }), letter({ attachments: [{ digest: DIGEST, name: "a", media_type: "", size: 3e7 }] }), letter()].map(hindrance)).toEqual(["nobody", "address", "many", "big", ""]);
  });
});

describe("later", () => {
  const at = (day: number, hour: number): number => new Date(2026, 10, day, hour, 20).getTime();
  it("is this afternoon only while it is morning", () => {
    expect(choices(at(24, 9)).map((c) => c.key)).toEqual(["afternoon", "tomorrow", "monday"]);
    expect(choices(at(24, 15)).map((c) => c.key)).toEqual(["tomorrow", "monday"]);
  });
  it("does not say Monday for tomorrow", () => expect(choices(at(22, 16)).map((c) => c.key)).toEqual(["tomorrow"]));
  it("is at nine by this device's clock, on that day", () => {
    const monday = new Date(choices(at(27, 16)).find((c) => c.key === "monday")!.at);
    expect([monday.getDay(), monday.getHours(), monday.getDate()]).toEqual([1, 9, 30]);
  });
  it("is neither now nor in years", () => expect([60_000, 59_000, -1, 366 * 86_400_000].map((ms) => possible(at(24, 9) + ms, at(24, 9)))).toEqual([true, false, false, false]));
});

describe("links", () => {
  it.each([
    ["example.com", "https://example.com"], ["http://example.com/a?b", "http://example.com/a?b"], ["a@b.de", "mailto:a@b.de"], ["mailto:a@b.de", "mailto:a@b.de"], ["tel:+491", "tel:+491"], ["例子.公司/路", "https://例子.公司/路"],
    ["javascript:alert(1)", ""], ["JaVaScRiPt:alert(1)", ""], ["data:text/html,x", ""], ["vbscript:x", ""], ["file:///etc/passwd", ""], ["https://user:pass@evil.example", ""], ["no spaces.com", ""], ["", ""], ["localhost", ""],
  ])("%s leads to %s", (typed, href) => expect(linkTo(typed)).toBe(href));
  it("are said to mislead where the words name another place", () => {
    expect(misleads("www.bank.example", "https://evil.example/")).toBe(true);
    expect(misleads("https://www.bank.example/login", "https://bank.example/x")).toBe(false);
    expect(misleads("our terms", "https://example.com")).toBe(false);
  });
});

describe("why it did not arrive", () => {
  it.each([
    ["550 5.1.1 User unknown", "no_such_address"], ["452 4.2.2 Mailbox full", "mailbox_full"], ["552 5.3.4 Message too big", "too_large"], ["550 5.7.1 Blocked by policy", "policy"],
    ["30005 unknown handset", "handset"], ["Connection refused", "unreachable"], ["The server gave no answer after the message.", "silent"], ["554 denied", "refused"], ["Etwas ganz anderes", ""],
  ])("%s", (said, code) => expect(reasonCode(said)).toBe(code));
});

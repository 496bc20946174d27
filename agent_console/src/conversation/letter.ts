/** A letter as it is being written, and what the hub is told of it. Pure. */
import type { Composing, Mode } from "@/api/mail";
import type { AttachmentView } from "@/api/rest";

export interface Letter {
  mode: Mode;
  to: string[];
  cc: string[];
  bcc: string[];
  subject: string;
  /** The agent's words: as text, and as HTML unless they are written as plain text. */
  text: string;
  html: string;
  attachments: AttachmentView[];
  /** The signature goes along. */
  signed: boolean;
  /** What was written before goes along, unopened. Once opened it is part of the words. */
  quotes: boolean;
}

export const BLANK: Letter = {
  mode: "reply", to: [], cc: [], bcc: [], subject: "", text: "", html: "", attachments: [], signed: true, quotes: true,
};

/** Somebody wrote something: it is more than what every answer begins with. */
export const written = (letter: Pick<Letter, "text" | "html" | "attachments">): boolean =>
  !!letter.text.trim() || letter.attachments.length > 0 || /<img\b/i.test(letter.html);

/** What was written before, once it is opened, stands in the words as one of these; the hub knows the first. */
export const HISTORY = ["quoted", "forwarded"] as const;
export const opened = (letter: Letter): boolean => HISTORY.some((kind) => letter.html.includes(`class="${kind}"`));
/** The history that a letter of this mode begins with, as such an element. */
export const historyOf = (begins: Composing, mode: Mode): string => {
  const html = begins.quoted_html || asHtml(begins.quoted_text);
  return html.includes('class="quoted"') ? html : `<div class="${mode === "forward" ? "forwarded" : "quoted"}">${html}</div>`;
};

const escaped = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

/** Plain words as HTML: a paragraph for each block, a break for each line. */
export function asHtml(text: string): string {
  return text
    .split(/\n{2,}/)
    .map((block) => `<p>${escaped(block).replace(/\n/g, "<br>")}</p>`)
    .join("");
}

const below = (parts: string[], between: string): string => parts.filter((part) => part.trim()).join(between);
const PICTURE = /<img\b[^>]*\bdata-digest="([0-9a-f]+)"[^>]*>/g;
const valueOf = (tag: string, name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "";

/** The pictures that stand among the words. */
export const pictures = (html: string): { digest: string; name: string }[] =>
  [...html.matchAll(PICTURE)].map(([tag, digest]) => ({ digest: digest!, name: valueOf(tag, "alt") || "image" }));

/** As it is sent: pictures are parts of the letter. */
export const withParts = (html: string): string => html.replace(PICTURE, (tag, digest: string) => `<img src="cid:${digest}" alt="${valueOf(tag, "alt")}">`);

const CID = /<img\b[^>]*\bsrc="cid:([0-9a-f]{64})"[^>]*>/g;
const uploaded = (digest: string): string => `/api/v1/uploads/${digest}`;

/** As it is shown in the editor: `where` says at which address of this page a picture is to be had. */
export function pictured(html: string, where: (digest: string) => string = uploaded): string {
  const shown = (tag: string, digest: string): string => `<img src="${where(digest)}" alt="${valueOf(tag, "alt")}" data-digest="${digest}">`;
  return html.replace(PICTURE, shown).replace(CID, shown);
}

/** What the command `reply` is told. `sendAt` 0: as soon as it may. */
export function told(letter: Letter, begins: Composing | null, sendAt = 0): Record<string, unknown> {
  const sign = letter.signed ? begins : null;
  const quote = letter.quotes && !opened(letter) && !holds(letter.text, begins?.quoted_text ?? "") ? begins : null;
  const signature = sign?.signature_text.trim() ? `-- \n${sign.signature_text}` : "";
  const args: Record<string, unknown> = {
    text: below([letter.text.trim(), signature, quote?.quoted_text ?? ""], "\n\n"),
    subject: letter.subject.trim(),
    to: letter.to,
    cc: letter.cc,
    bcc: letter.bcc,
    attachments: once([...letter.attachments, ...(letter.html ? pictures(letter.html) : [])]).map(({ digest, name }) => ({ digest, name })),
    mode: letter.mode,
  };
  if (letter.html) {
    const signed = sign?.signature_html || (sign?.signature_text ? asHtml(sign.signature_text) : "");
    const quoted = quote?.quoted_html || (quote?.quoted_text ? historyOf(quote, letter.mode) : "");
    args["html"] = below([withParts(letter.html), signed, quoted], "<br>");
  }
  if (sendAt) args["send_at"] = sendAt;
  return args;
}

const holds = (text: string, quoted: string): boolean => !!quoted.trim() && text.includes(quoted.trim());
const once = <T extends { digest: string }>(files: T[]): T[] => files.filter((one, n) => files.findIndex((other) => other.digest === one.digest) === n);

/** A letter that came back from the hub: what it was signed with and what it quoted stands in its words. */
export function cameBack(value: Partial<Letter>): Letter {
  const html = value.html ?? "";
  const inside = new Set([...html.matchAll(/cid:([0-9a-f]{64})/g)].map(([, digest]) => digest));
  return { ...BLANK, ...value, html, attachments: (value.attachments ?? []).filter((a) => !inside.has(a.digest)), signed: false, quotes: false };
}

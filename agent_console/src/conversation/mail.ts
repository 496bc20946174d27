/** What is to be said about a letter beside its words. Pure, but for what an agent wants remembered about a sender. */
import type { AttachmentView } from "@/api/rest";
import type { EventView, Wire } from "@/api/generated/wire";

type Received = Wire["bodies"]["message.received"];
type Sent = Wire["bodies"]["message.sent"];
/** A letter's body, whoever wrote it. `sender` is the plain address of one that came in. */
export type MailBody = Partial<Omit<Received, "automatic">> & Partial<Omit<Sent, "automatic">> & { sender?: string; automatic?: string | boolean };

export const bodyOf = (event: EventView): MailBody => event.body as MailBody;
export const isMail = (event: EventView): boolean => event.medium === "email" && (event.kind === "message.received" || event.kind === "message.sent");

/** By which sign a letter counts as automatic, in a word that has a sentence in each language. */
export function automaticWord(reason: string): string {
  const said = reason.toLowerCase();
  const found = AUTOMATIC.find(([sign]) => sign.test(said));
  return found ? found[1] : "other";
}

const AUTOMATIC: [RegExp, string][] = [
  [/^loop|own address/, "loop"],
  [/bounce|delivery|^report|failed-recipients/, "bounce"],
  [/receipt|disposition/, "receipt"],
  [/auto-?repl|autorespon|vacation|out of office|auto_reply/, "reply"],
  [/list|bulk|junk|newsletter|unsubscribe/, "list"],
  [/^from |no-?reply|auto-generated|return-path|notif/, "machine"],
];

/** Why a sender is not believed, in a word that has a sentence in each language. */
export function doubtWord(reason: string): string {
  if (/^DMARC/i.test(reason)) return "dmarc";
  if (/^neither/i.test(reason)) return "nobody";
  if (/^replies to case /i.test(reason)) return "stranger";
  return /said nothing/i.test(reason) ? "silent" : "other";
}

/** Another letter came before under the same Message-ID: neither stands for the other. */
export const nameIsTaken = (event: EventView): boolean => event.kind === "message.received" && bodyOf(event).same_id === true;

const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1).toLowerCase();

/** Answers are asked for somewhere that the sender's own domain has nothing to do with. */
export function answersElsewhere(body: MailBody): string {
  const asked = body.reply_to ?? "";
  if (!asked || !body.sender) return "";
  const [there, here] = [domainOf(asked), domainOf(body.sender)];
  return there === here || there.endsWith(`.${here}`) || here.endsWith(`.${there}`) ? "" : asked;
}

/** The people whom it went to besides, for the line above the words. */
export function othersOf(body: MailBody): string[] {
  return [...new Set([...(body.to ?? []), ...(body.cc ?? []), ...(body.bcc ?? [])])];
}

export type FileKind = "image" | "pdf" | "text" | "other";

/** What a file may be looked at as; the hub looks at its bytes and may refuse. */
export function fileKind(file: Pick<AttachmentView, "name" | "media_type">): FileKind {
  const type = file.media_type.toLowerCase().split(";")[0]!.trim();
  const ending = /\.([a-z0-9]{1,8})$/i.exec(file.name)?.[1]?.toLowerCase() ?? "";
  if (/^image\/(png|jpe?g|gif|webp|bmp|avif)$/.test(type) || /^(png|jpe?g|gif|webp|bmp|avif)$/.test(ending)) return "image";
  if (type === "application/pdf" || ending === "pdf") return "pdf";
  return type.startsWith("text/") || /^(application\/(json|xml|csv)|message\/rfc822|image\/svg\+xml)$/.test(type) ? "text" : "other";
}

export const fileAt = (eventId: string, digest: string): string => `/api/v1/events/${encodeURIComponent(eventId)}/attachments/${encodeURIComponent(digest)}`;

/** A name as it may stand in a line: nothing in it turns the direction of writing. */
export const plainName = (name: string): string => [...name].filter((c) => !/[\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u.test(c)).join("");

// --- remembered, by agent and sender -----------------------------------------------------------------------------

export type Wish = "images" | "formatted";
const MOST = 300;

const place = (agent: string, wish: Wish): string => `cch.mail.${wish}.${agent}`;

function remembered(agent: string, wish: Wish): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(place(agent, wish)) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export const wants = (agent: string, wish: Wish, sender: string): boolean => !!sender && remembered(agent, wish).includes(sender);

/** Remembers it, or forgets it; the oldest go when there are many. */
export function remember(agent: string, wish: Wish, sender: string, on: boolean): void {
  if (!sender) return;
  const kept = remembered(agent, wish).filter((one) => one !== sender);
  try {
    localStorage.setItem(place(agent, wish), JSON.stringify(on ? [...kept, sender].slice(-MOST) : kept));
  } catch {
    // Not allowed to remember.
  }
}

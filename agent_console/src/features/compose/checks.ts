/** What a careful colleague would ask before a letter leaves. Pure. */
import { MOST_BYTES, type ComposingWarning } from "@/api/mail";
import type { Letter } from "@/conversation/letter";
import { isAddress, joined, likelyMeant, MOST } from "./addresses";

export interface Doubt {
  code: "attachment" | "subject" | "words" | "typo" | "undeliverable" | "bare";
  address: string;
  detail: string;
}

// Whoever writes of an attachment in the words they add has one in mind; what is quoted does not count.
const SPEAKS_OF_ONE = [
  /\battach(?:ed|ment|ments|ing)?\b/i,
  /\benclos(?:ed|ing|ure|ures)\b/i,
  /附件|附上|附图|随信附|见附|随函/,
];
const SPEAKS_OF_NONE = [/\b(?:no|without|any|your|the customer's) attachments?\b/i, /\b(?:attach(?:ed|ing)?) (?:to|great)\b/i, /(?:没有|无|您的|你的|收到|打不开)(?:\S{0,4})附件/];

export const mentionsAttachment = (text: string): boolean => {
  const without = SPEAKS_OF_NONE.reduce((words, one) => words.replace(new RegExp(one.source, `${one.flags}g`), " "), text);
  return SPEAKS_OF_ONE.some((one) => one.test(without));
};

/** Why it cannot leave, as a code, or nothing. */
export function hindrance(letter: Letter): "" | "nobody" | "address" | "many" | "big" {
  const lists = [letter.to, letter.cc, letter.bcc];
  if (!letter.to.length) return "nobody";
  if (letter.attachments.reduce((sum, one) => sum + one.size, 0) > MOST_BYTES) return "big";
  if (lists.flat().some((address) => !isAddress(address))) return "address";
  return lists.some((list) => list.length > MOST) ? "many" : "";
}

/** What to ask first. Nothing of it forbids sending. `known`: the hub has said what an answer begins with. */
export function doubts(letter: Letter, warnings: ComposingWarning[], known = true): Doubt[] {
  const all = joined(letter.to, [...letter.cc, ...letter.bcc]);
  const found: Doubt[] = [];
  if (!letter.attachments.length && !/<img\b/i.test(letter.html) && mentionsAttachment(`${letter.subject}\n${letter.text}`)) found.push({ code: "attachment", address: "", detail: "" });
  if (!letter.subject.trim()) found.push({ code: "subject", address: "", detail: "" });
  if (!letter.text.trim() && letter.mode !== "forward" && !letter.attachments.length) found.push({ code: "words", address: "", detail: "" });
  if (!known && (letter.quotes || letter.signed)) found.push({ code: "bare", address: "", detail: "" });
  for (const address of all) {
    const meant = likelyMeant(address);
    if (meant) found.push({ code: "typo", address, detail: meant });
    const trouble = warnings.find((w) => w.code === "undeliverable" && w.address.toLowerCase() === address.toLowerCase());
    if (trouble) found.push({ code: "undeliverable", address, detail: trouble.detail });
  }
  return found;
}

/** Links that lead where they say. Pure. */

const SCHEMES = new Set(["http:", "https:", "mailto:", "tel:"]);

/** The address as a link has it, or nothing if none can be made of what was typed. */
export function linkTo(typed: string): string {
  const text = typed.trim();
  if (!text || /\s/.test(text)) return "";
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(text) && !/^[^:/]+:\d/.test(text) ? text : text.includes("@") && !text.includes("/") ? `mailto:${text}` : `https://${text}`;
  try {
    const url = new URL(whole);
    if (!SCHEMES.has(url.protocol)) return "";
    if (url.protocol.startsWith("http") && (!url.hostname.includes(".") || url.username)) return "";
    return whole;
  } catch {
    return "";
  }
}

const hostOf = (text: string): string => {
  const link = /^(?:https?:\/\/)?(?:[\w-]+\.)+[a-z]{2,}(?:[/?#]\S*)?$/i.test(text.trim()) ? linkTo(text) : "";
  return link ? new URL(link).hostname.replace(/^www\./, "") : "";
};

/** The words look like an address, and it is another's. */
export function misleads(words: string, href: string): boolean {
  const said = hostOf(words);
  if (!said || !href) return false;
  try {
    return new URL(href).hostname.replace(/^www\./, "") !== said;
  } catch {
    return false;
  }
}

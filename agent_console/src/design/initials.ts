/** Up to two letters for a name: a Chinese name gives its family name, an address or a number gives nothing. */
export function initials(name: string): string {
  const text = name.trim();
  if (!text || /[@\d+]/.test(text)) return "";
  const han = /\p{Script=Han}/u.exec(text);
  if (han && han.index === 0) return han[0];
  const words = text.split(/[\s\-·]+/).filter((w) => /^\p{L}/u.test(w) && !/^\p{Script=Han}/u.test(w));
  const first = words[0] ? [...words[0]][0] : "";
  const last = words.length > 1 ? [...words[words.length - 1]!][0] : "";
  return `${first ?? ""}${last ?? ""}`.toUpperCase();
}

/** A steady hue for a name, so that a person keeps their colour. */
export function hue(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)!) % 3600;
  return sum % 360;
}

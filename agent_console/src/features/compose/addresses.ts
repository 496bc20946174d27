/** Mail addresses as people type and paste them. Pure. */

const PLAIN = /^[^\s@<>(),;:"[\]\\]{1,64}@[^\s@<>(),;:"[\]\\.]+(\.[^\s@<>(),;:"[\]\\.]+)+$/u;
const LONGEST = 254;
export const MOST = 20;

/** The plain address in `Name <a@b.c>`, `mailto:a@b.c` or `a@b.c`; what was typed where it is none. */
export function plain(typed: string): string {
  const inside = /<([^<>]*)>\s*$/.exec(typed);
  return (inside?.[1] ?? typed).trim().replace(/^mailto:/i, "").replace(/[.,;]+$/, "");
}

export const isAddress = (address: string): boolean => address.length <= LONGEST && PLAIN.test(address);

/** A pasted list, torn at commas, semicolons and lines, but not inside quoted names. */
export function torn(pasted: string): string[] {
  return (pasted.match(/(?:"[^"]*"|[^,;，；\n\r"])+/g) ?? []).map(plain).filter(Boolean);
}

/** `more` after `had`, each once, whatever their letters' case. */
export function joined(had: string[], more: string[]): string[] {
  const known = new Set(had.map((a) => a.toLowerCase()));
  return [...had, ...more.filter((a) => !known.has(a.toLowerCase()) && known.add(a.toLowerCase()))];
}

export const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1).toLowerCase();

const MEANT: Record<string, string> = {
  "gmial.com": "gmail.com", "gmai.com": "gmail.com", "gmail.con": "gmail.com", "gamil.com": "gmail.com", "gmal.com": "gmail.com", "gnail.com": "gmail.com",
  "hotmial.com": "hotmail.com", "hotmai.com": "hotmail.com", "hotmail.con": "hotmail.com", "outlok.com": "outlook.com", "outloo.com": "outlook.com", "outlook.con": "outlook.com",
  "yaho.com": "yahoo.com", "yahooo.com": "yahoo.com", "yahoo.con": "yahoo.com", "iclod.com": "icloud.com", "icloud.con": "icloud.com",
  "qq.con": "qq.com", "qq.cn": "qq.com", "163.con": "163.com", "163.cn": "163.com", "126.con": "126.com", "foxmial.com": "foxmail.com",
};

/** The address that was probably meant, or nothing. */
export function likelyMeant(address: string): string {
  const meant = MEANT[domainOf(address)];
  return meant ? `${address.slice(0, address.lastIndexOf("@") + 1)}${meant}` : "";
}

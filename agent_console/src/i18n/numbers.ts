/** Telephone numbers as people type them, made E.164 (ITU-T E.164: at most 15 digits after the plus). Pure. */

/** Country calling codes (ITU-T E.164 list) with the ISO 3166 regions that share them, the largest first. */
const CODES = Object.fromEntries(
  (
    "1US,CA 7RU,KZ 20EG 27ZA 30GR 31NL 32BE 33FR 34ES 36HU 39IT,VA 40RO 41CH 43AT 44GB 45DK 46SE 47NO 48PL 49DE " +
    "51PE 52MX 53CU 54AR 55BR 56CL 57CO 58VE 60MY 61AU 62ID 63PH 64NZ 65SG 66TH 81JP 82KR 84VN 86CN 90TR 91IN 92PK " +
    "93AF 94LK 95MM 98IR 211SS 212MA 213DZ 216TN 218LY 220GM 221SN 222MR 223ML 224GN 225CI 226BF 227NE 228TG 229BJ " +
    "230MU 231LR 232SL 233GH 234NG 235TD 236CF 237CM 238CV 239ST 240GQ 241GA 242CG 243CD 244AO 245GW 246IO 247AC " +
    "248SC 249SD 250RW 251ET 252SO 253DJ 254KE 255TZ 256UG 257BI 258MZ 260ZM 261MG 262RE,YT 263ZW 264NA 265MW 266LS " +
    "267BW 268SZ 269KM 290SH 291ER 297AW 298FO 299GL 350GI 351PT 352LU 353IE 354IS 355AL 356MT 357CY 358FI 359BG " +
    "370LT 371LV 372EE 373MD 374AM 375BY 376AD 377MC 378SM 380UA 381RS 382ME 383XK 385HR 386SI 387BA 389MK 420CZ " +
    "421SK 423LI 500FK 501BZ 502GT 503SV 504HN 505NI 506CR 507PA 508PM 509HT 590GP 591BO 592GY 593EC 594GF 595PY " +
    "596MQ 597SR 598UY 599CW,BQ 670TL 672NF 673BN 674NR 675PG 676TO 677SB 678VU 679FJ 680PW 681WF 682CK 683NU 685WS " +
    "686KI 687NC 688TV 689PF 690TK 691FM 692MH 850KP 852HK 853MO 855KH 856LA 880BD 886TW 960MV 961LB 962JO 963SY " +
    "964IQ 965KW 966SA 967YE 968OM 970PS 971AE 972IL 973BH 974QA 975BT 976MN 977NP 992TJ 993TM 994AZ 995GE 996KG 998UZ"
  )
    .split(" ")
    .map((entry) => {
      const [, code, regions] = /^(\d+)(.+)$/.exec(entry)!;
      return [code!, regions!.split(",")];
    }),
) as Record<string, string[]>;

/** Numbers of no country: freephone, shared cost, satellites, international networks. */
const NOWHERE = new Set(["800", "808", "870", "878", "881", "882", "883", "888", "979"]);
/** Where a leading 0 is part of the number and stays after the country's code. */
const KEEPS_ZERO = new Set(["39", "378"]);

export type NumberProblem = "empty" | "letters" | "country" | "unknown" | "short" | "long";

export interface ReadNumber {
  /** Empty while there is a problem. */
  e164: string;
  problem: NumberProblem | "";
  code: string;
  regions: string[];
  /** What may have been meant by a number without its country, or by 0 after the code. */
  suggestion: string;
}

const FEWEST = 7;
const MOST = 15;

/** The country's code that `digits` begins with: no code is the beginning of another one. */
export function codeOf(digits: string): string {
  for (let length = 1; length <= 3; length += 1) {
    const head = digits.slice(0, length);
    if (head in CODES || NOWHERE.has(head)) return head;
  }
  return "";
}

/** `home` is the calling code to suggest where none was typed. */
export function readNumber(text: string, home = ""): ReadNumber {
  const made = (problem: NumberProblem | "", more: Partial<ReadNumber> = {}): ReadNumber => ({
    e164: "", problem, code: "", regions: [], suggestion: "", ...more,
  });
  const typed = text.normalize("NFKC").trim().replace(/^tel:/i, "").replace("(0)", "").replace(/[\s().\-/·‐-―]/g, "");
  if (!typed) return made("empty");
  const bare = typed.replace(/^\+/, "").replace(/^00/, "");
  if (!/^\d*$/.test(bare)) return made("letters");
  if (!/^(\+|00)/.test(typed)) return made("country", { suggestion: suggested(bare, home) });
  const code = codeOf(bare);
  const regions = CODES[code] ?? [];
  if (!code) return made(bare.length < 3 ? "short" : "unknown");
  if (bare.length > MOST) return made("long", { code, regions });
  if (bare.length < FEWEST) return made("short", { code, regions });
  const rest = bare.slice(code.length);
  const suggestion = rest.startsWith("0") && regions.length && !KEEPS_ZERO.has(code) ? `+${code}${rest.replace(/^0+/, "")}` : "";
  return made("", { e164: `+${bare}`, code, regions, suggestion });
}

function suggested(national: string, home: string): string {
  // A mainland mobile number is known by its look, wherever one sits.
  const code = /^1[3-9]\d{9}$/.test(national) && home !== "1" ? "86" : home;
  if (!code || national.length < 4) return "";
  return `+${code}${KEEPS_ZERO.has(code) ? national : national.replace(/^0+/, "")}`;
}

/** How people of some countries group their numbers. */
const GROUPS: Record<string, number[][]> = { 1: [[3, 3, 4]], 44: [[4, 6]], 86: [[3, 4, 4], [2, 4, 4]], 852: [[4, 4]], 33: [[1, 2, 2, 2, 2]] };

/** For reading aloud and comparing: the code, then groups; any other text as it is. */
export function spaced(number: string): string {
  const digits = /^\+(\d{6,15})$/.exec(number)?.[1];
  const code = digits && codeOf(digits);
  if (!digits || !code) return number;
  const rest = digits.slice(code.length);
  const custom = GROUPS[code]?.find((sizes) => sizes.reduce((sum, n) => sum + n, 0) === rest.length);
  const groups: string[] = [];
  let from = 0;
  for (const size of custom ?? []) groups.push(rest.slice(from, (from += size)));
  if (custom) return `+${code} ${groups.join(" ")}`;
  // Threes, and a last group of two to four.
  while (rest.length - from > 4) {
    groups.push(rest.slice(from, from + 3));
    from += 3;
  }
  groups.push(rest.slice(from));
  return `+${code} ${groups.join(" ")}`;
}

/** "United Kingdom", "美国、加拿大": the countries of a code in the reader's language. */
export function countriesOf(regions: string[], language: string): string {
  const names = new Intl.DisplayNames([language === "zh" ? "zh-CN" : "en"], { type: "region" });
  const told = regions.slice(0, 2).map((region) => names.of(region) ?? region);
  return new Intl.ListFormat(language === "zh" ? "zh-CN" : "en", { type: "disjunction" }).format(told);
}

/** The calling code of a number of ours or theirs, empty where there is none. */
export const homeOf = (number: string): string => {
  const code = codeOf(number.replace(/\D/g, ""));
  return number.trim().startsWith("+") && CODES[code] ? code : "";
};

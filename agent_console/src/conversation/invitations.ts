/** The hub says in English what an invitation is about; here it is said in the reader's language. */
import type { Wire } from "@/api/generated/wire";

type Invitation = Wire["bodies"]["message.received"]["invitations"][number];
type Say = (key: string, values?: Record<string, string | number>) => string;

function when(it: Invitation, t: Say): string {
  if (!it["day"]) return "";
  const zone = it["zone"] && it["hour"] ? ` ${it["zone"]}` : "";
  const begins = `${it["day"]} ${it["hour"] ?? ""}`.trim();
  const ends = `${it["until_day"] ?? ""} ${it["until_hour"] ?? ""}`.trim();
  if (ends) return t("invitation.until", { begins, ends }) + zone;
  if (it["before"]) return t("invitation.before", { begins, ends: it["before"] }) + zone;
  const lasts = (it["lasts"] ?? "").replace(/(\d+)([wdhm])/g, (_, n: string, unit: string) => t(`invitation.units.${unit}`, { n }));
  return (lasts ? t("invitation.lasting", { begins, lasts }) : begins) + zone;
}

export function sayInvitation(it: Invitation, t: Say): string {
  const about = [
    it["title"] || t("invitation.untitled"),
    when(it, t),
    it["repeats"] ? t(`invitation.repeats.${it["repeats"]}`) : "",
    it["place"] ?? "",
    it["organiser"] ? t("invitation.organiser", { who: it["organiser"] }) : "",
  ];
  return t("invitation.line", { what: t(`invitation.what.${it["what"]}`), about: about.filter(Boolean).join(t("invitation.join")) });
}

/** `text` with the lines about invitations, which stand before all else, in the reader's language. */
export function retold(text: string, invitations: readonly Invitation[] | undefined, t: Say): string {
  let told = "";
  let rest = text;
  for (const it of invitations ?? []) {
    const said = it["said"] ?? "";
    const at = said ? rest.indexOf(said) : -1;
    if (at < 0) continue;
    told += rest.slice(0, at) + sayInvitation(it, t);
    rest = rest.slice(at + said.length);
  }
  return told + rest;
}

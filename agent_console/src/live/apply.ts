/** What an announcement does to a desk: the twin of `apply` in contact_center/domain/views.py. */
import type { DeskState, Wire } from "@/api/generated/wire";

export type Announcement = Wire["announcement"];

/** The desk after announcement `seq`; the same desk if it was applied before; "gap" if one between is missing. */
export function apply(desk: DeskState, seq: number, announcement: Announcement): DeskState | "gap" {
  if (seq <= desk.seq) return desk;
  if (seq > desk.seq + 1) return "gap";
  switch (announcement.kind) {
    case "agent.changed":
      return { ...desk, seq, agent: announcement.agent };
    case "offer.rings": {
      const offers = desk.offers.filter((o) => o.id !== announcement.offer.id);
      offers.push(announcement.offer);
      offers.sort((a, b) => a.made_at - b.made_at || compare(a.id, b.id));
      return { ...desk, seq, offers };
    }
    case "offer.over":
      return { ...desk, seq, offers: desk.offers.filter((o) => o.id !== announcement.offer_id) };
    case "work.changed": {
      const work = desk.work.filter((w) => w.interaction_id !== announcement.work.interaction_id);
      work.push(announcement.work);
      work.sort((a, b) => a.assigned_at - b.assigned_at || compare(a.interaction_id, b.interaction_id));
      return { ...desk, seq, work };
    }
    case "work.left":
      return {
        ...desk,
        seq,
        work: desk.work.filter((w) => w.interaction_id !== announcement.interaction_id),
      };
    default:
      // A newer hub may announce what this version does not know: it has a number all the same.
      return { ...desk, seq };
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

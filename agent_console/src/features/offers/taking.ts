import { reactive } from "vue";
import { useRouter } from "vue-router";
import type { OfferView } from "@/api/generated/wire";
import { toast } from "@/design/toasts";
import { useWords } from "@/i18n/words";
import { useLive } from "@/live/store";

/** What was asked of each offer and not answered yet; the same for every place that shows it. */
const asked = reactive(new Map<string, "accept" | "reject">());

export function useTaking() {
  const live = useLive();
  const router = useRouter();
  const { t, whyFailed } = useWords();

  /** An offer that has gone from the desk meanwhile was said to be gone, and why. */
  function failed(offer: OfferView, key: string, error: unknown): void {
    const gone = (error as { code?: string }).code === "offer_gone" && !live.offers.some((one) => one.id === offer.id);
    if (!gone) toast(t(key, { reason: whyFailed(error) }), "danger");
  }

  async function accept(offer: OfferView): Promise<void> {
    if (asked.has(offer.id) || !live.live) return;
    asked.set(offer.id, "accept");
    try {
      const { interaction_id } = await live.command<{ interaction_id: string }>("accept", { offer_id: offer.id });
      await router.push({ name: "desk", params: { interaction: interaction_id ?? offer.interaction_id } });
    } catch (error) {
      failed(offer, "offer.failed", error);
    } finally {
      asked.delete(offer.id);
    }
  }

  async function reject(offer: OfferView): Promise<void> {
    if (asked.has(offer.id) || !live.live) return;
    asked.set(offer.id, "reject");
    try {
      await live.command("reject", { offer_id: offer.id });
    } catch (error) {
      failed(offer, "offer.rejectFailed", error);
    } finally {
      asked.delete(offer.id);
    }
  }

  return { asked, accept, reject };
}
